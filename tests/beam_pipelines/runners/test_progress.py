"""The progress of a build is shown although its output cannot be listed for a moment."""

from __future__ import annotations

from beam_pipelines.runners.progress import _pop_finished
from tfdata.storage.base import StorageError


class Closed:
    def sizes(self, folder):
        raise StorageError("s3://bucket/set", "it is closed")


def test_a_listing_that_fails_finishes_no_shard():
    waiting = {"digest": 3}
    assert _pop_finished(Closed(), waiting) == 0
    assert waiting == {"digest": 3}
