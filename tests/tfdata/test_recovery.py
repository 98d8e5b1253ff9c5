"""Reading a damaged dataset: an error, or the undamaged records."""

from __future__ import annotations

import random
import shutil
import warnings

import pytest
import tensorflow as tf

from facevoice.commands import train
from tests.tools import read_records
from tfdata import DatasetError, ReadOptions, load, load_manifest
from tfdata.recovery import DamageWarning, first_damage
from tfdata.tfrecord import frame


@pytest.fixture
def folder(data_set, tmp_path):
    return shutil.copytree(data_set, tmp_path / "copy")


@pytest.fixture
def shards(folder):
    return [folder / shard.file for shard in load_manifest(folder).splits["train"].shards]


def images(folder, **options):
    batches = load(folder, "train", "image", ReadOptions(4, **options))
    return [image.tobytes() for batch, _ in batches for image in batch.numpy()]


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(bytes(content))


def record_bytes(path):
    """Size of the first record of a shard; the others' differ by a few bytes."""
    return int.from_bytes(path.read_bytes()[:8], "little") + 16


def test_a_damaged_record_stops_reading_and_is_found(folder, shards):
    assert first_damage(folder, load_manifest(folder)) is None
    flip(shards[0], record_bytes(shards[0]) + 100)
    with pytest.raises(tf.errors.DataLossError):
        images(folder)
    error = first_damage(folder, load_manifest(folder))
    assert f"{shards[0].name}, record 2, byte {record_bytes(shards[0])}: " in str(error)


def test_an_identity_that_is_not_in_the_manifest_stops_reading(folder, shards):
    manifest = folder / "dataset.json"
    name = next(iter(load_manifest(folder).people))
    manifest.write_text(manifest.read_text().replace(f'"{name}"', '"Nobody"'))
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in the manifest"):
        images(folder)
    error = first_damage(folder, load_manifest(folder))
    assert f"its identity '{name}' is not in the manifest's people" in str(error)


def test_training_stops_with_an_error_that_names_the_record(folder, shards, tmp_path, capsys):
    flip(shards[-1], 100)
    flags = [f"--data={folder}", f"--output={tmp_path / 'run'}", "--epochs=1"]
    assert train.main(["--model=cnn_image", *flags]) == 1
    error = capsys.readouterr().err
    assert f"{shards[-1].name}, record 1, byte 0: " in error
    assert "Traceback" not in error


@pytest.mark.parametrize("place", ["length", "checksum of the length", "data", "checksum"])
def test_only_the_damaged_record_is_skipped_with_a_warning(folder, shards, place):
    whole = images(folder)
    size = record_bytes(shards[0])
    at = {"length": 1, "checksum of the length": 9, "data": 5000 % size, "checksum": size - 1}
    flip(shards[0], at[place])
    with pytest.warns(DamageWarning, match=f"^1 of 18 records .* in {shards[0].name};"):
        left = images(folder, damage="skip")
    assert left == whole[1:]


def test_truncated_zeroed_empty_foreign_and_missing_shards_are_skipped_as_far_as_damaged(
    folder, shards
):
    whole = [record["image"] for record in read_records(folder, "train")]
    first = load_manifest(folder).splits["train"].shards[0].records
    content = shards[0].read_bytes()
    size = record_bytes(shards[0])
    for changed, left in [
        (content[: size + 20], whole[:1] + whole[first:]),
        (bytes(size) + content[size:], whole[1:]),
        (b"", whole[first:]),
        (frame(b"of somebody else") * 3, whole[first:]),
        (None, whole[first:]),
    ]:
        shards[0].unlink(missing_ok=True)
        if changed is not None:
            shards[0].write_bytes(changed)
        with pytest.warns(DamageWarning):
            assert images(folder, damage="skip") == left


def test_an_intact_dataset_is_read_without_a_warning(folder, recwarn):
    assert images(folder, damage="skip") == images(folder)
    assert not [warning for warning in recwarn if warning.category is DamageWarning]


def test_undamaged_records_have_a_fixed_order_and_are_divided_among_hosts(folder, shards):
    flip(shards[1], 40)
    mixed = {"damage": "skip", "shuffle_buffer": 7, "seed": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        left = images(folder, damage="skip")
        again = [images(folder, **mixed) for _ in range(2)]
        shares = [images(folder, **mixed, host_index=i, host_count=3) for i in range(3)]
        in_memory = images(folder, **mixed, cache="memory")
    assert len(left) == 17
    assert again[0] == again[1] == in_memory
    assert sorted(again[0]) == sorted(left) == sorted(shares[0] + shares[1] + shares[2])


def test_a_split_without_undamaged_records_is_refused(folder, shards):
    for shard in shards:
        shard.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"The train split in .* has no undamaged record"):
        images(folder, damage="skip")


def test_a_service_cannot_skip_damage_at_an_address_without_a_cache_directory(
    monkeypatch, data_set
):
    from tfdata import loader

    monkeypatch.setattr(loader, "load_manifest", lambda *_, **__: load_manifest(data_set))
    options = ReadOptions(damage="skip", service="grpc://host:5000")
    with pytest.raises(ValueError, match="set cache to a directory that the workers"):
        load("s3://bucket/set", "train", options=options)


def test_random_faults_are_never_read_as_examples(folder, shards):
    """A changed record is never read; every unchanged one is."""
    whole = {record["image"] for record in read_records(folder, "train")}
    good = shards[0].read_bytes()
    draw = random.Random(5)
    for _ in range(12):
        content = bytearray(good)
        for _ in range(draw.choice((1, 3))):
            at = draw.randrange(len(content))
            content[at] ^= draw.randrange(1, 256)
        shards[0].write_bytes(bytes(content))
        with pytest.warns(DamageWarning):
            left = images(folder, damage="skip")
        assert set(left) < whole
        assert len(left) >= 15
