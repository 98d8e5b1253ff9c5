"""Exports a dataset: one file for each shard, or links to the shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from facevoice.dataset_export import parquet, webdataset
from facevoice.dataset_export.rows import shard_stem
from facevoice.dataset_export.tfds import write_tfds
from facevoice.export.errors import ExportError
from facevoice.export.output_dir import check_replaceable, written_as_whole
from tfdata.examples import read_examples
from tfdata.manifest import Manifest
from tfdata.manifest_reader import is_manifest, load_manifest
from tfdata.schema import MANIFEST_NAME
from tfdata.storage.files import replace_file

KINDS = ("webdataset", "parquet", "tfds")
_WRITERS = {"webdataset": webdataset, "parquet": parquet}


def export_dataset(
    data_dir: Path, kind: str, output: Path, advance: Callable[[int], object]
) -> Manifest:
    """Exports a dataset; returns its manifest.

    Args:
      data_dir: directory of the dataset.
      kind: one of KINDS.
      output: directory to write; an earlier export there is replaced.
      advance: is called with numbers of pairs that were written.

    Raises:
      DatasetError: the dataset cannot be read.
      ExportError: the output is, holds or lies in the dataset, or has other content.
      OSError: a file cannot be written.
    """
    manifest = load_manifest(data_dir)
    _check_apart(data_dir, output)
    check_replaceable(output, _is_export)
    with written_as_whole(output) as staging:
        if kind == "tfds":
            write_tfds(staging, data_dir, manifest)
            advance(sum(split.pairs for split in manifest.splits.values()))
        else:
            _write_shards(kind, staging, data_dir, manifest, advance)
        replace_file(staging / MANIFEST_NAME, manifest.to_json().encode())
    return manifest


def _write_shards(
    kind: str,
    folder: Path,
    data_dir: Path,
    manifest: Manifest,
    advance: Callable[[int], object],
) -> None:
    writer = _WRITERS[kind]
    for split in manifest.splits.values():
        first = 0
        for shard in split.shards:
            path = folder / f"{shard_stem(shard.file)}{writer.SUFFIX}"
            examples = read_examples(data_dir, manifest, [shard])
            writer.write_shard(path, examples, first, manifest)
            first += shard.records
            advance(shard.records)


def _check_apart(data_dir: Path, output: Path) -> None:
    """Checks that the output is apart from the dataset, through links, too.

    Raises:
      ExportError: it is not.
    """
    data, target = data_dir.resolve(), output.resolve()
    if data == target or data in target.parents or target in data.parents:
        raise ExportError(
            f"--output {output} is, holds, or lies in the dataset {data_dir}; choose a directory "
            f"outside of it."
        )


def _is_export(folder: Path) -> bool:
    """Returns whether a directory is an earlier export, and not a dataset with its own shards."""
    try:
        is_ours = is_manifest((folder / MANIFEST_NAME).read_bytes())
    except OSError:
        return False
    return is_ours and not any(folder.glob("*.tfrecord")) and not (folder / ".build").exists()
