"""Finds examples in the shards of a dataset, without TensorFlow, reading one at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from facevoice.features import FeatureSettings
from tfdata.errors import DatasetError, FaceVoiceError
from tfdata.examples import Example, read_examples
from tfdata.manifest import Manifest, Shard
from tfdata.schema import SPLITS
from tfdata.text import counted, listed, nearest, printable, spelling

_MAX_KEYS = 3  # in a sentence


class NotFoundError(FaceVoiceError):
    """Raised if an example, a person or a file is not found."""


@dataclass(frozen=True, eq=False)
class StoredExample(Example):
    """An example and its place in the dataset.

    Attributes:
      split, index: the index counts from 0, in stored order.
      shard, record: file name, and number of the record in it, from 1 as in `tfdata.verify`.
    """

    split: str
    index: int
    shard: str
    record: int

    @property
    def place(self) -> str:
        """Returns split and index, as text."""
        return f"{self.split} {self.index}"


def feature_settings(manifest: Manifest, *, check_shapes: bool = True) -> FeatureSettings:
    """Returns the preprocessing settings of a dataset.

    Args:
      manifest: of the dataset.
      check_shapes: also check that the manifest's shapes are those of its settings.

    Raises:
      DatasetError: the settings are invalid, or the manifest's shapes differ from them.
    """
    known = {field.name for field in fields(FeatureSettings)}
    if unknown := sorted(manifest.features.keys() - known):
        raise DatasetError(
            f"The manifest has preprocessing settings that this version of FaceVoice does not know "
            f"({', '.join(unknown)}); install the version that made it."
        )
    try:
        settings = FeatureSettings(**manifest.features)
    except (TypeError, ValueError) as error:
        raise DatasetError(f"The manifest has invalid preprocessing settings: {error}") from None
    shapes = (manifest.image_shape, manifest.spectrogram_shape)
    if check_shapes and (settings.image_shape, settings.spectrogram_shape) != shapes:
        raise DatasetError(
            f"The manifest's shapes {shapes[0]} and {shapes[1]} differ from its preprocessing "
            f"settings; build the dataset again."
        )
    return settings


def walk_examples(
    data_dir: Path, manifest: Manifest, splits: Sequence[str] = SPLITS
) -> Iterator[StoredExample]:
    """Yields all examples of some splits, in stored order.

    Raises:
      DatasetError: a shard is damaged or has other records than the manifest says.
    """
    for split in splits:
        first = 0
        for shard in manifest.splits[split].shards:
            yield from _of_shard(data_dir, manifest, split, shard, first)
            first += shard.records


def example_at(data_dir: Path, manifest: Manifest, split: str, index: int) -> StoredExample:
    """Returns the example at an index of a split; reads only its shard.

    Raises:
      NotFoundError: the split has fewer examples.
      DatasetError: see `walk_examples`.
    """
    first = 0
    for shard in manifest.splits[split].shards:
        if index < first + shard.records:
            examples = _of_shard(data_dir, manifest, split, shard, first)
            return next(example for example in examples if example.index == index)
        first += shard.records
    raise NotFoundError(
        f"There is no example {index} in {split}, which has {counted(first, 'pair')}"
        f"{f'; use 0 to {first - 1}' if first else ''}."
    )


def by_key(examples: Iterable[StoredExample], prefix: str) -> StoredExample:
    """Returns the example with this key, or the only one whose key has this prefix.

    Raises:
      NotFoundError: no key or several keys match.
    """
    found: StoredExample | None = None
    keys: list[str] = []
    count = 0
    for example in examples:
        if example.key == prefix:
            return example
        if example.key.startswith(prefix):
            count += 1
            found = found or example
            keys += [printable(example.key)] if count <= _MAX_KEYS else []
    if found is None:
        raise NotFoundError(
            f"No key begins with {prefix!r}; keys have the form FACE|CLIP@SAMPLE, and --person "
            f"NAME lists those of a person."
        )
    if count > 1:
        raise NotFoundError(
            f"{count:,} keys begin with {prefix!r}, such as {listed(keys)}; use a longer prefix."
        )
    return found


def find_person(manifest: Manifest, name: str) -> str:
    """Returns the identity that a name refers to.

    A name may be an identity, the id in the meta file, or an unambiguous prefix of one of these.
    Case, accents, and the characters between words are ignored.

    Raises:
      NotFoundError: the name is unknown or ambiguous.
    """
    if name in manifest.people:
        return name
    names: dict[str, set[str]] = {}
    for identity, person in manifest.people.items():
        for other in (identity, person.meta.get("id", identity)):
            names.setdefault(spelling(other), set()).add(identity)
    wanted = spelling(name)
    starting = (names[other] for other in names if wanted and other.startswith(wanted))
    for matches in (names.get(wanted, set()), set().union(*starting)):
        if len(matches) == 1:
            return next(iter(matches))
    near = nearest(name, names)
    hint = (
        f"did you mean {printable(min(names[near]))}?"
        if near
        else f"the people are {people_text(manifest)}."
    )
    raise NotFoundError(f"The dataset has no person {name!r}; {hint}")


def people_text(manifest: Manifest, max_names: int = 12) -> str:
    """Lists the people of a dataset; of many people, the first ones."""
    names = [printable(name) for name in manifest.people]
    if len(names) > max_names:
        return listed([*names[: max_names - 1], f"{len(names) - max_names + 1:,} more"])
    return listed(names)


def spread(examples: Iterable[StoredExample], most: int) -> list[StoredExample]:
    """Selects up to `most` examples of a person and a split, evenly over the videos."""
    seen: Counter[str] = Counter()
    kept: list[tuple[int, int, StoredExample]] = []
    for example in examples:
        seen[example.session] += 1
        kept.append((seen[example.session], example.index, example))
        kept.sort(key=lambda item: item[:2])
        del kept[most:]
    return sorted((example for _, _, example in kept), key=lambda example: example.index)


def _of_shard(
    data_dir: Path, manifest: Manifest, split: str, shard: Shard, first: int
) -> Iterator[StoredExample]:
    """Yields the examples of one shard; `first` is the index of its first in the split."""
    for number, example in enumerate(read_examples(data_dir, manifest, [shard])):
        yield StoredExample(
            **vars(example), split=split, index=first + number, shard=shard.file, record=number + 1
        )
