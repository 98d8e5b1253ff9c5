"""Opens videos (MP4, MOV, MKV, WebM) with PyAV and reads their headers.

All times are seconds from the start of the file: from the earliest start of its two tracks, by
their timestamps. So an instant of the audio and one of the pictures are the same moment, whatever
the tracks' own starts, frame rates and sample rates are.

PyAV comes with the extra `facevoice[videos]` and is imported only for videos.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

from facevoice.features.clips import MAX_RATE_HZ, MAX_SECONDS, MIN_RATE_HZ
from facevoice.features.image_decoding import MAX_PIXELS
from facevoice.features.m4a import as_unreadable, holds_two_files
from facevoice.features.reject_reasons import MediaError, Reason, check_regular
from tfdata.errors import FaceVoiceError

FORMATS = "mov,matroska"  # FFmpeg's demuxers of .mp4, .m4v and .mov, and of .mkv and .webm
# A track that starts later ends at its DURATION or that long after its start: programs differ.
MAX_AMBIGUOUS_START_SECONDS = 0.1


class VideoSupportError(FaceVoiceError):
    """Raised if PyAV is missing."""


@dataclass(frozen=True)
class VideoFacts:
    """The sample rate and the times of a video's tracks, in seconds from the start of the file.

    `audio_end_seconds` is at most MAX_SECONDS.
    """

    sample_rate_hz: int
    audio_start_seconds: float
    audio_end_seconds: float
    picture_start_seconds: float
    picture_end_seconds: float


@dataclass(frozen=True)
class OpenVideo:
    """An open video.

    Attributes:
      container: PyAV's.
      pictures, audio: PyAV's tracks.
      zero_seconds: the start of the file, on the clock of its timestamps.
    """

    container: Any
    pictures: Any
    audio: Any
    zero_seconds: Fraction

    def seconds(self, ticks: int, track: Any) -> float:
        """Converts a timestamp of a track to seconds from the start of the file."""
        return float(ticks * track.time_base - self.zero_seconds)

    def seek(self, seconds: float, track: Any) -> None:
        """Moves to the last frame from which `seconds` can be decoded, or to the first frame."""
        ticks = round((Fraction(seconds) + self.zero_seconds) / track.time_base)
        self.container.seek(max(ticks, track.start_time or 0), stream=track)

    def rewind(self) -> None:
        """Moves to the beginning of the file."""
        self.container.seek(0, stream=self.pictures)


def check_video_support() -> None:
    """Checks that PyAV is installed.

    Raises:
      VideoSupportError: it is not.
    """
    try:
        import av  # noqa: F401
    except ImportError:
        raise VideoSupportError(
            "Videos need PyAV; install it with pip install -e '.[videos]' (or 'make setup')."
        ) from None


@contextmanager
def open_video(source: str | os.PathLike[str] | BinaryIO) -> Iterator[OpenVideo]:
    """Opens a video; turns errors while it is open into MediaErrors.

    Of several audio or video tracks, the one that the file marks as default is used, or else the
    first. Pictures of covers are no video tracks.

    Raises:
      MediaError: unreadable, no_audio, no_video, too_large or sample_rate.
      VideoSupportError: PyAV is missing.
    """
    check_video_support()
    check_regular(source)
    with as_unreadable(), _without_misleading_errors():
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file, _open_file(file) as opened:
                yield opened
        else:
            with _open_file(source) as opened:
                yield opened


@contextmanager
def _without_misleading_errors() -> Iterator[None]:
    """Names what EPERM and EINVAL of FFmpeg mean: a decoder gave up, or a file is empty."""
    from av.error import FFmpegError

    try:
        yield
    except FFmpegError as error:
        if error.errno not in (errno.EPERM, errno.EINVAL):
            raise
        raise MediaError(Reason.UNREADABLE, "empty or damaged") from error


@contextmanager
def _open_file(file: BinaryIO) -> Iterator[OpenVideo]:
    import av

    if holds_two_files(file):  # FFmpeg reads the first one
        raise MediaError(Reason.UNREADABLE, "another MP4 file follows in the same file")
    file.seek(0)
    options = {"format_whitelist": FORMATS}
    with av.open(file, mode="r", options=options, metadata_errors="replace") as container:
        pictures = _select_track(container.streams.video, Reason.NO_VIDEO, "no video track")
        audio = _select_track(container.streams.audio, Reason.NO_AUDIO, "no sound track")
        _check_tracks(pictures, audio)
        for track in (pictures, audio):  # runners use a process for each core
            track.thread_type = "NONE"
            track.codec_context.thread_count = 1
        zero = min((track.start_time or 0) * track.time_base for track in (pictures, audio))
        yield OpenVideo(container, pictures, audio, zero)


def _select_track(tracks: Any, reason: Reason, missing: str) -> Any:
    """Returns the default track, or else the first, of those that are no covers."""
    from av.stream import Disposition

    found = [track for track in tracks if not track.disposition & Disposition.attached_pic]
    if not found:
        raise MediaError(reason, missing)
    default = [track for track in found if track.disposition & Disposition.default]
    return (default or found)[0]


def _check_tracks(pictures: Any, audio: Any) -> None:
    for track in (pictures, audio):
        if track.codec_context is None or not track.time_base:
            raise MediaError(Reason.UNREADABLE, f"no decoder for a track of type {track.type}")
    width, height = pictures.codec_context.width, pictures.codec_context.height
    if width * height > MAX_PIXELS:
        raise MediaError(Reason.TOO_LARGE, f"{width} x {height} pixels")
    rate_hz, channels = audio.codec_context.sample_rate, audio.codec_context.channels
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise MediaError(Reason.SAMPLE_RATE, f"{rate_hz} Hz")
    if channels <= 0:
        raise MediaError(Reason.UNREADABLE, "a sound track without channels")


def probe_video(source: str | os.PathLike[str] | BinaryIO) -> VideoFacts:
    """Reads the header of a video; counts the packets if it does not state how long the tracks are.

    Nothing is decoded, except for what FFmpeg needs to learn the format of a track.

    Raises:
      MediaError: as `open_video`, or too_short or no_video for a track without frames.
      VideoSupportError: PyAV is missing.
    """
    with open_video(source) as video:
        tracks = (video.audio, video.pictures)
        ends = [_stated_end(track, video) for track in tracks]
        starts = [video.seconds(track.start_time or 0, track) for track in tracks]
        if None in ends:
            starts, ends = _count_packets(video, tracks)
        # What encoders put before the start of the file is not heard.
        audio_start, picture_start = (max(0.0, start) for start in starts)
        audio_end, picture_end = (end or 0.0 for end in ends)
        if audio_end <= audio_start:
            raise MediaError(Reason.TOO_SHORT, "no samples")
        if picture_end <= picture_start:
            raise MediaError(Reason.NO_VIDEO, "no frames")
        return VideoFacts(
            video.audio.codec_context.sample_rate,
            audio_start,
            min(audio_end, float(MAX_SECONDS)),
            picture_start,
            picture_end,
        )


def _stated_end(track: Any, video: OpenVideo) -> float | None:
    """Returns the end of a track according to the header, or None if that does not state it.

    In MKV and WebM, most programs write it as a tag, and FFmpeg takes the length of the longest
    track otherwise: https://www.matroska.org/technical/tagging.html
    """
    start = track.start_time or 0
    if "matroska" not in video.container.format.name:
        known = track.duration is not None and track.duration > 0
        return video.seconds(start + track.duration, track) if known else None
    if video.seconds(start, track) > MAX_AMBIGUOUS_START_SECONDS:
        return None
    with suppress(KeyError, ValueError):
        hours, minutes, seconds = track.metadata["DURATION"].split(":")
        stated = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
        return stated if 0 < stated < float("inf") else None
    return None


def _count_packets(
    video: OpenVideo, tracks: tuple[Any, Any]
) -> tuple[list[float], list[float | None]]:
    """Returns starts and ends of two tracks by the timestamps of all packets of a file."""
    first: list[float] = [float("inf")] * 2
    last: list[float] = [0.0] * 2
    for packet in video.container.demux(*tracks):
        if packet.pts is None:
            continue
        number = 0 if packet.stream.index == tracks[0].index else 1
        start = video.seconds(packet.pts, packet.stream)
        end = video.seconds(packet.pts + (packet.duration or 0), packet.stream)
        first[number] = min(first[number], start)
        last[number] = max(last[number], end)
    return first, list(last)
