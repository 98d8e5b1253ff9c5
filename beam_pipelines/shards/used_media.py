"""Lists the media files that the records of a shard were made from, with their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from beam_pipelines.corpus.content import DIGEST_BYTES
from beam_pipelines.corpus.listing import CLIP, FACE, VIDEO
from beam_pipelines.planning.plan import Pair, group_by_identity


@dataclass(frozen=True)
class UsedMedia:
    """The media of the records of one person in one shard.

    Attributes:
      faces, clips: the paths of each record's image and clip.
      digests: hexadecimal digests of their contents: first image, first clip, second image, ...
      moments: indexes of the records whose face and clip are of a video, the same path twice.
    """

    faces: list[str]
    clips: list[str]
    digests: str
    moments: list[int] = field(default_factory=list)

    def uses(self) -> Iterator[tuple[str, str]]:
        """Yields kind and path: first image, first clip, second image, ..."""
        moments = set(self.moments)
        for index, paths in enumerate(zip(self.faces, self.clips, strict=True)):
            kinds = (VIDEO, VIDEO) if index in moments else (FACE, CLIP)
            yield from zip(kinds, paths, strict=True)

    @staticmethod
    def from_fields(fields: dict[str, Any]) -> UsedMedia:
        """Builds it from parsed JSON.

        Raises:
          TypeError, ValueError: the fields are not what a build writes.
        """
        media = UsedMedia(**fields)
        size = len(bytes.fromhex(media.digests))
        if not len(media.faces) == len(media.clips) == size / (2 * DIGEST_BYTES):
            raise ValueError("the numbers of media and digests differ")
        if not all(isinstance(path, str) for path in (*media.faces, *media.clips)):
            raise TypeError("a path is not a text")
        if not all(isinstance(index, int) for index in media.moments):
            raise TypeError("an index is not a number")
        return media


def used_media(pairs: Iterable[Pair], digest: Callable[[str, str], bytes]) -> dict[str, UsedMedia]:
    """Returns the media of written pairs by identity.

    Args:
      pairs: the written pairs, with the media that were used.
      digest: returns the digest of a file of a kind, FACE, CLIP or VIDEO, at a path.
    """
    found = {}
    for identity, written in group_by_identity(pairs).items():
        media = UsedMedia(
            faces=[pair.face.path for pair in written],
            clips=[pair.window.path for pair in written],
            digests="",
            moments=[index for index, pair in enumerate(written) if pair.is_moment],
        )
        digests = b"".join(digest(kind, path) for kind, path in media.uses())
        found[identity] = replace(media, digests=digests.hex())
    return found
