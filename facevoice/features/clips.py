"""Opens audio files of any format as clips of one length and sample rate."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, TypeAlias

import soundfile

from facevoice.features.m4a import M4aClip, is_m4a
from facevoice.features.mpeg_frames import mpeg_streams
from facevoice.features.reject_reasons import MediaError, Reason, check_regular
from facevoice.features.streams import (
    Stream,
    StreamFile,
    flac_streams,
    ogg_streams,
    wav_streams,
)

MIN_RATE_HZ, MAX_RATE_HZ = 4000, 384_000
# If a header claims more, the samples are counted instead, up to this length.
MAX_SECONDS = 4 * 3600
MAX_STREAMS = 10_000  # in one file; each is opened to learn its length
# libsndfile takes this file for the resource fork of an MP3 without a name. It gets no names,
# because it would open `._name`, which macOS writes, beside `name`.
RESOURCE_FORK = "._"
BLOCK_VALUES = 1 << 22  # values per read: samples times channels

# Of clips that codecs change, so that a constant has noise; "" is that of `m4a`, mostly AAC.
LOSSY_SUBTYPES = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III", "")

Source = str | os.PathLike[str] | BinaryIO


class SoundFile(soundfile.SoundFile):
    """A SoundFile that does not seek to its own position after a read; FLAC may refuse to."""

    def seekable(self) -> bool:
        return False

    def can_seek(self) -> bool:
        return super().seekable()


@dataclass(frozen=True)
class Chain:
    """The streams of one file, one after the other.

    Attributes:
      subtype: of their samples, as soundfile names it.
      samplerate: of all streams, in Hz.
      frames: samples per channel of all streams together.
    """

    file: BinaryIO
    streams: tuple[tuple[Stream, int], ...]  # with their lengths
    subtype: str
    samplerate: int
    frames: int

    def overlapping(self, first: int, length: int) -> Iterator[tuple[SoundFile, int, int]]:
        """Yields each stream with the first sample and the number of samples that lie in a span."""
        begin = 0
        for stream, samples in self.streams:
            start, stop = max(first, begin), min(first + length, begin + samples)
            if start < stop:
                with SoundFile(StreamFile(self.file, stream)) as part:
                    yield part, start - begin, stop - start
            begin += samples


Clip: TypeAlias = "SoundFile | M4aClip | Chain"


@contextmanager
def open_clip(source: Source, seconds: float = math.inf) -> Iterator[Clip]:
    """Opens a clip; turns errors while it is open into MediaErrors.

    Args:
      source: path or open file.
      seconds: length that is needed. Samples that the header does not state are looked for only if
        it states less.

    Raises:
      MediaError: unreadable, sample_rate or too_short.
    """
    check_regular(source)
    try:
        with ExitStack() as stack:
            opened = stack.enter_context(_open_any_format(source))
            clip: Clip = opened
            if opened.format == "RAW":  # libsndfile guesses from the name: .au, .snd, .gsm, .vox
                raise MediaError(Reason.UNREADABLE, "no header")
            if not MIN_RATE_HZ <= clip.samplerate <= MAX_RATE_HZ:
                raise MediaError(Reason.SAMPLE_RATE, f"{clip.samplerate} Hz")
            if _may_hold_more(opened, seconds) and (streams := _find_streams(opened, source)):
                clip = _chain(stack.enter_context(_binary(source)), streams)
            if clip.frames <= 0:
                raise MediaError(Reason.TOO_SHORT, "no samples")
            yield clip
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        detail = getattr(error, "error_string", None) or getattr(error, "strerror", None)
        detail = (detail or str(error)).strip().rstrip(".")
        if Path(RESOURCE_FORK).exists():
            detail += f"; perhaps because of the file {RESOURCE_FORK} in the current directory"
        raise MediaError(Reason.UNREADABLE, detail) from error


def count_samples(clip: SoundFile | M4aClip) -> int:
    """Returns the length that a clip states; decodes it if that is more than MAX_SECONDS."""
    limit = MAX_SECONDS * clip.samplerate
    return clip.frames if clip.frames <= limit else skip(clip, limit)


def skip(clip: SoundFile | M4aClip, samples: int) -> int:
    """Decodes and discards samples; returns their number."""
    skipped = 0
    block_samples = max(1, BLOCK_VALUES // clip.channels)
    while skipped < samples:
        wanted = min(samples - skipped, block_samples)
        read = len(clip.read(wanted, dtype="float32", always_2d=True))
        skipped += read
        if read < wanted:
            break
    return skipped


def _may_hold_more(clip: SoundFile | M4aClip, seconds: float) -> bool:
    """Returns whether a file may hold needed samples that libsndfile does not state."""
    if clip.format in ("WAV", "WAVEX"):
        return clip.frames == 0
    if clip.format == "FLAC":  # libFLAC may seek into the wrong one
        return True
    return clip.format in ("OGG", "MP3") and clip.frames < seconds * clip.samplerate


@contextmanager
def _binary(source: Source) -> Iterator[BinaryIO]:
    """Opens a path; leaves an open file open."""
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            yield file
    else:
        yield source


def _find_streams(clip: SoundFile | M4aClip, source: Source) -> tuple[Stream, ...]:
    """Returns the streams of a file; none if libsndfile reads it as a whole."""
    if isinstance(source, str | os.PathLike):
        status = Path(source).stat()
        version = (status.st_size, status.st_mtime_ns)
        return _find_streams_at(os.fspath(source), version, clip.format, clip.frames)
    position = source.tell()
    streams = _search(source, clip.format, clip.frames)
    source.seek(position)  # of its decoder
    return streams


@lru_cache(maxsize=1024)  # a long clip has many windows
def _find_streams_at(
    path: str, version: tuple[int, int], kind: str, samples: int
) -> tuple[Stream, ...]:
    with Path(path).open("rb") as file:
        return _search(file, kind, samples)


def _search(file: BinaryIO, kind: str, samples: int) -> tuple[Stream, ...]:
    if kind == "OGG":
        return tuple(ogg_streams(file))
    if kind == "FLAC":
        return tuple(flac_streams(file))
    return tuple(mpeg_streams(file, samples) if kind == "MP3" else wav_streams(file))


def _chain(file: BinaryIO, streams: Sequence[Stream]) -> Chain:
    """Opens each stream for its length.

    Raises:
      MediaError: the sample rate changes, or there are too many streams.
    """
    if len(streams) > MAX_STREAMS:
        raise MediaError(Reason.UNREADABLE, f"{len(streams)} streams in one file")
    lengths: list[int] = []
    rate_hz, subtype = 0, ""
    for stream in streams:
        with SoundFile(StreamFile(file, stream)) as part:
            if lengths and part.samplerate != rate_hz:
                raise MediaError(
                    Reason.UNREADABLE,
                    f"{rate_hz} Hz changes to {part.samplerate} Hz after "
                    f"{sum(lengths) / rate_hz:.1f} s",
                )
            rate_hz, subtype = part.samplerate, part.subtype
            stated = count_samples(part) if stream.samples is None else stream.samples
            lengths.append(max(0, stated - stream.missing_samples))
    parts = tuple(zip(streams, lengths, strict=True))
    return Chain(file, parts, subtype, rate_hz, sum(lengths))


def _open_any_format(source: Source) -> SoundFile | M4aClip:
    try:
        if isinstance(source, str | os.PathLike):
            # By its descriptor: of a path, libsndfile also opens `._name`, which macOS writes.
            return SoundFile(os.open(source, os.O_RDONLY | os.O_CLOEXEC), closefd=True)
        return SoundFile(source)
    except TypeError as error:  # soundfile requires a sample rate for files named .raw
        raise MediaError(Reason.UNREADABLE, str(error)) from error
    except soundfile.LibsndfileError as error:
        if is_m4a(_first_bytes(source)):
            return M4aClip(source)
        if "does not exist" in error.error_string:  # also raised for an MP3 without frames
            raise MediaError(Reason.UNREADABLE, "no audio in it") from error
        raise


def _first_bytes(source: Source) -> bytes:
    if isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            return file.read(16)
    source.seek(0)
    start = source.read(16)
    source.seek(0)
    return start
