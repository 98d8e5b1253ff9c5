"""Lists the media files that the records of a shard were made from, with their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from beam_pipelines.corpus.content import DIGEST_BYTES
from beam_pipelines.corpus.listing import CLIP, FACE
from beam_pipelines.planning.plan import Pair, group_by_identity


@dataclass(frozen=True)
class UsedMedia:
    """The media of the records of one person in one shard.

    Attributes:
      faces, clips: the paths of each record's image and clip.
      digests: hexadecimal digests of their contents: first image, first clip, second image, ...
    """

    faces: list[str]
    clips: list[str]
    digests: str

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
        return media


def used_media(pairs: Iterable[Pair], digest: Callable[[str, str], bytes]) -> dict[str, UsedMedia]:
    """Returns the media of written pairs by identity.

    Args:
      pairs: the written pairs, with the media that were used.
      digest: returns the digest of a file of a kind, FACE or CLIP, at a path.
    """
    return {
        identity: UsedMedia(
            faces=[pair.face.path for pair in written],
            clips=[pair.window.path for pair in written],
            digests=b"".join(
                digest(kind, path)
                for pair in written
                for kind, path in ((FACE, pair.face.path), (CLIP, pair.window.path))
            ).hex(),
        )
        for identity, written in group_by_identity(pairs).items()
    }
