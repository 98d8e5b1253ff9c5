"""Tiny videos whose pictures and sound tell the time: a colour and a tone in each second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from facevoice.features import FaceImage, FeatureSettings, find_video_face

Pixels = NDArray[np.uint8]
COLOURS = ((200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40), (200, 40, 200))
TONES_HZ = (300, 600, 900, 1200, 1500)
# Extension to codecs of pictures and sound.
CODECS = {
    ".mp4": ("libx264", "aac"),
    ".m4v": ("libx264", "aac"),
    ".mov": ("libx264", "pcm_s16le"),
    ".mkv": ("libx264", "aac"),
    ".webm": ("libvpx", "libopus"),
}
FAST = {"libx264": {"preset": "ultrafast"}, "libvpx": {"deadline": "realtime", "cpu-used": "8"}}
SIZE = (48, 32)


def extract_video_face(source: Any, start_seconds: float, settings: FeatureSettings) -> FaceImage:
    """The face image of a window of a video, without its frame."""
    return find_video_face(source, start_seconds, settings).image


def colour_at(seconds: float) -> Pixels:
    """A picture of the colour of a second, with a white corner at the top left."""
    picture = np.full((SIZE[1], SIZE[0], 3), COLOURS[int(seconds) % len(COLOURS)], np.uint8)
    picture[: SIZE[1] // 4, : SIZE[0] // 4] = 255
    return picture


def tone_at(seconds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Samples of the tone of each second."""
    hz = np.take(TONES_HZ, np.floor(seconds).astype(int) % len(TONES_HZ))
    return (0.3 * np.sin(2 * np.pi * hz * seconds)).astype(np.float32)


def write_video(
    path: Path,
    seconds: float = 4.0,
    *,
    times: Sequence[float] | None = None,
    frames_per_second: int = 5,
    picture_at: Callable[[float], Pixels] | None = colour_at,
    sound_at: Callable[[NDArray[np.float64]], NDArray[np.float32]] | None = tone_at,
    sound_seconds: tuple[float, float] | None = None,
    sound_gap: tuple[float, float] = (0.0, 0.0),
    other_sounds: int = 0,
    rate_hz: int = 16000,
    codecs: tuple[str, str] | None = None,
    pixel_format: str = "yuv420p",
    matrix: int | None = None,
    key_every: int = 1000,
    picture: dict[str, Any] | None = None,
    rotation: float | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes a video, whose pictures and tones are those of `picture_at` and `sound_at`.

    Args:
      path: its extension determines container and codecs.
      seconds: length of pictures and sound.
      times: when each frame is shown; None is `frames_per_second`.
      frames_per_second: also the clock of the timestamps is a multiple of it.
      picture_at, sound_at: content by time; None leaves the track out.
      sound_seconds: first and last instant of the sound.
      sound_gap: between these, whole blocks of samples are left out.
      other_sounds: silent sound tracks before it; it is the default track then.
      rate_hz: sample rate.
      codecs: of pictures and sound.
      pixel_format: of the pictures.
      matrix: with which RGB is converted, as in ITU-T H.273; None is BT.601.
      key_every: frames from one key frame to the next.
      picture: attributes of the encoder, such as color_range.
      rotation: of the display matrix, in degrees counterclockwise.
      options: of the container.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    picture_codec, sound_codec = codecs or CODECS[path.suffix]
    rate_hz = 48000 if sound_codec == "libopus" else rate_hz
    if times is None:
        times = [i / frames_per_second for i in range(round(seconds * frames_per_second))]
    with av.open(str(path), "w", options=options or {}) as container:
        packets = []
        if picture_at is not None:
            track = container.add_stream(
                picture_codec, rate=1000, options=FAST.get(picture_codec, {})
            )
            first = picture_at(0.0)
            track.width, track.height, track.pix_fmt = first.shape[1], first.shape[0], pixel_format
            track.codec_context.time_base = Fraction(1, 1000)
            track.codec_context.gop_size = key_every
            if picture_codec == "libx264":
                track.codec_context.max_b_frames = 0
            for name, value in (picture or {}).items():
                setattr(track.codec_context, name, value)
            if rotation is not None:
                track.set_display_rotation(rotation)
            packets.append((track, _frames(times, picture_at, matrix, pixel_format)))
        if sound_at is not None:
            start, stop = sound_seconds or (0.0, seconds)
            for number in range(other_sounds + 1):
                track = container.add_stream(sound_codec, rate=rate_hz, layout="mono")
                is_last = number == other_sounds
                if other_sounds:
                    track.disposition = av.stream.Disposition(1 if is_last else 0)
                content = sound_at if is_last else np.zeros_like
                blocks = _blocks(start, stop, rate_hz, sound_codec, content)
                first_gap, last_gap = (edge * rate_hz for edge in sound_gap)
                kept = [block for block in blocks if not first_gap <= block.pts < last_gap]
                packets.append((track, kept))
        _mux(container, packets)
    return path


def _frames(
    times: Sequence[float],
    picture_at: Callable[[float], Pixels],
    matrix: int | None,
    pixel_format: str,
) -> list[Any]:
    frames = []
    ends = [*times[1:], 2 * times[-1] - times[-2]] if len(times) > 1 else [times[0] + 1]
    for seconds, end in zip(times, ends, strict=True):
        frame = av.VideoFrame.from_ndarray(picture_at(seconds), "rgb24")
        if matrix is not None:
            frame = frame.reformat(format=pixel_format, dst_colorspace=matrix)
        frame.pts, frame.time_base = round(1000 * seconds), Fraction(1, 1000)
        frame.duration = round(1000 * (end - seconds))
        frames.append(frame)
    return frames


def _blocks(start: float, stop: float, rate_hz: int, codec: str, sound_at: Any) -> list[Any]:
    first, last = round(start * rate_hz), round(stop * rate_hz)
    samples = sound_at(np.arange(first, last) / rate_hz).astype(np.float32)
    is_pcm = codec == "pcm_s16le"
    size = 960 if codec == "libopus" else 1024
    blocks = []
    for begin in range(0, len(samples), size):
        block = samples[None, begin : begin + size]
        if is_pcm:
            block = (block * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(block), "s16" if is_pcm else "fltp", "mono"
        )
        frame.sample_rate = rate_hz
        frame.pts, frame.time_base = first + begin, Fraction(1, rate_hz)
        blocks.append(frame)
    return blocks


def _mux(container: Any, tracks: list[tuple[Any, list[Any]]]) -> None:
    """Encodes the tracks and writes their packets in the order of time."""
    packets = []
    for number, (track, frames) in enumerate(tracks):
        encoded = [packet for frame in [*frames, None] for packet in track.encode(frame)]
        for packet, frame in zip(encoded, frames, strict=False):
            if track.type == "video":  # without frames that are shown in another order
                packet.duration = round(frame.duration * frame.time_base / packet.time_base)
        packets += [(float(p.dts * p.time_base), number, p) for p in encoded]
    for _, _, packet in sorted(packets, key=lambda item: item[:2]):
        container.mux(packet)
