"""Writes a shard as a Parquet file, with the metadata by which `datasets` decodes its columns.

`image` is a PNG file, `spectrogram` a list of rows of uint8; the others are `rows.facts`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from facevoice.dataset_export.rows import LABEL, described_features, facts, png
from tfdata.examples import Example
from tfdata.manifest import Manifest
from tfdata.schema import IMAGE, SPECTROGRAM

SUFFIX = ".parquet"
ROWS_AT_ONCE = 100  # of a row group, which is what a reader loads
TYPES = {"uint8": pa.uint8(), "float32": pa.float32(), "int64": pa.int64(), "string": pa.string()}


def write_shard(path: Path, examples: Iterable[Example], first: int, manifest: Manifest) -> None:
    """Writes a Parquet file.

    Args:
      path: of the file, which does not exist.
      examples: of the shard.
      first: number of the first of them in the split; not used.
      manifest: of the dataset.
    """
    schema = parquet_schema(manifest)
    rows = (_row(example, manifest) for example in examples)
    with path.open("xb") as file, pq.ParquetWriter(file, schema) as writer:
        for group in _groups(rows):
            writer.write_table(pa.Table.from_pylist(group, schema))


def parquet_schema(manifest: Manifest) -> pa.Schema:
    """Returns the columns, and the features of Hugging Face's `datasets` as metadata."""
    fields = [pa.field(LABEL, pa.int64())]
    features: dict[str, Any] = {LABEL: {"names": list(manifest.people), "_type": "ClassLabel"}}
    for name, described in described_features(manifest).items():
        kind = TYPES[described["dtype"]]
        shape = described.get("shape", [])
        for _ in shape:
            kind = pa.list_(kind)
        features[name] = _feature(described["dtype"], shape)
        if name == IMAGE:
            kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
            features[name] = {"_type": "Image"}
        fields.append(pa.field(name, kind))
    metadata = json.dumps({"info": {"features": features}}, ensure_ascii=False)
    return pa.schema(fields, {"huggingface": metadata})


def _feature(dtype: str, shape: list[int]) -> Mapping[str, Any]:
    """Returns a feature of `datasets`."""
    if len(shape) == 2:
        return {"shape": shape, "dtype": dtype, "_type": "Array2D"}
    feature: Mapping[str, Any] = {"dtype": dtype, "_type": "Value"}
    if shape:
        return {"feature": feature, "length": shape[0], "_type": "Sequence"}
    return feature


def _row(example: Example, manifest: Manifest) -> dict[str, Any]:
    return {
        IMAGE: {"bytes": png(example.image), "path": None},
        SPECTROGRAM: list(example.spectrogram),
        **facts(example, manifest),
    }


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while group := list(itertools.islice(rows, ROWS_AT_ONCE)):
        yield group
