"""Code of the page about other frameworks."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "other-frameworks.md"


def recipe(package):
    """Runs the block that imports a package and defines `batches`; returns its names."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.M
    )
    (block,) = (each for each in blocks if f"import {package}\n" in each and "def batches" in each)
    names = {}
    exec(block, names)  # of this repository
    return names
