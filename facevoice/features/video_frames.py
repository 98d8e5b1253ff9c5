"""Samples frames of a video within a window, as upright pictures.

The window is divided into cells of about 1 / frames_per_second, and each cell gives one frame. If
there is a key frame in every cell, only key frames are decoded: that nearest to the middle of each
cell. Otherwise, each cell gives the frame that is shown at its middle. A frame's time is when it is
first shown within the window.
"""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facevoice.features.image_decoding import MAX_PIXELS
from facevoice.features.reject_reasons import MediaError, Reason
from facevoice.features.videos import OpenVideo, open_video

HD_HEIGHT_PX = 720  # from which a video is in the colours of BT.709 if it does not say
ITU709, UNSPECIFIED_MATRIX, PQ = 1, 2, 16  # of ITU-T H.273: matrix and transfer characteristics
MAX_PIXEL_ASPECT = 4
DISPLAY_MATRIX = "DISPLAYMATRIX"


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame as an upright RGB picture with square pixels, and its time in the video."""

    seconds: float
    image: Image.Image


def cell_edges(
    start_seconds: float, end_seconds: float, frames_per_second: float
) -> NDArray[np.float64]:
    """Returns the edges of the cells of a window, of which there is at least one."""
    count = max(1, math.floor((end_seconds - start_seconds) * frames_per_second + 1e-6))
    return np.linspace(start_seconds, end_seconds, count + 1)


def sample_frames(
    source: str | os.PathLike[str] | BinaryIO, edges: NDArray[np.float64]
) -> Generator[Frame | None, None, None]:
    """Yields the frame of each cell of a window, in order; None where the video has no pictures.

    Args:
      source: path or open file.
      edges: of the cells; see `cell_edges`.

    Raises:
      MediaError: as `open_video`, or the pictures are damaged.
      VideoSupportError: PyAV is missing.
    """
    with open_video(source) as video:
        to_picture = _Converter(video.pictures)
        key_times = _key_times(video, edges)
        if key_times is not None:
            video.pictures.codec_context.skip_frame = "NONKEY"
        times = (edges[:-1] + edges[1:]) / 2 if key_times is None else key_times
        for seconds, frame in _shown_at(video, times):
            if frame is None:
                yield None
            elif frame.is_corrupt:
                raise MediaError(Reason.UNREADABLE, f"a damaged picture at {seconds:.3f} s")
            else:
                yield Frame(max(seconds, float(edges[0])), to_picture(frame))


def _key_times(video: OpenVideo, edges: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Returns the time of the key frame nearest to the middle of each cell; None if one has none.

    Packets are read and not decoded.
    """
    found: list[list[float]] = [[] for _ in edges[1:]]
    video.seek(float(edges[0]), video.pictures)
    for packet in video.container.demux(video.pictures):
        if packet.dts is None or packet.pts is None:
            continue
        # No later packet is shown before this one is decoded.
        decoded = video.seconds(packet.dts, video.pictures)
        if any(not keys and decoded >= end for keys, end in zip(found, edges[1:], strict=True)):
            return None
        if decoded >= edges[-1]:
            break
        seconds = video.seconds(packet.pts, video.pictures)
        if packet.is_keyframe and edges[0] <= seconds < edges[-1]:
            found[int(np.searchsorted(edges, seconds, "right")) - 1].append(seconds)
    if not all(found):
        return None
    middles = (edges[:-1] + edges[1:]) / 2
    return np.array(
        [
            min(keys, key=lambda seconds: (abs(seconds - middle), seconds))
            for keys, middle in zip(found, middles, strict=True)
        ]
    )


def _shown_at(video: OpenVideo, times: NDArray[np.float64]) -> Iterator[tuple[float, Any | None]]:
    """Yields the start and the frame that is shown at each time; a frame of None where none is."""
    rest = times.tolist()
    start, end, shown = -math.inf, -math.inf, None
    for seconds, frame in _decode_from(video, rest[0]):
        while rest and rest[0] < seconds - _half_tick(video):
            yield (start, shown) if shown is not None else (rest[0], None)
            rest.pop(0)
        if not rest:
            return
        duration = float((frame.duration or 0) * video.pictures.time_base) or seconds - start
        start, end, shown = seconds, seconds + duration, frame
    for time in rest:
        yield (start, shown) if time < end else (time, None)


def _half_tick(video: OpenVideo) -> float:
    return float(video.pictures.time_base) / 2


def _decode_from(video: OpenVideo, first_seconds: float) -> Iterator[tuple[float, Any]]:
    """Yields time and frame from a frame on that is shown at or before `first_seconds`.

    A seek may end too late where the index of a file is wrong; then all frames are decoded.
    """
    video.seek(first_seconds, video.pictures)
    is_checked = False
    for frame in _decode(video):
        if not is_checked and frame[0] > first_seconds + _half_tick(video):
            break
        is_checked = True
        yield frame
    if not is_checked:
        video.rewind()
        yield from _decode(video)


def _decode(video: OpenVideo) -> Iterator[tuple[float, Any]]:
    for frame in video.container.decode(video.pictures):
        if frame.pts is not None:
            yield video.seconds(frame.pts, video.pictures), frame


class _Converter:
    """Converts frames of a track to upright RGB pictures with square pixels."""

    def __init__(self, pictures: Any) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()
        self._pixel_aspect = Fraction(pictures.sample_aspect_ratio or 1)

    def __call__(self, frame: Any) -> Image.Image:
        """Converts one frame.

        FFmpeg converts it by the matrix and the range that the frame states, of any bit depth.

        Raises:
          MediaError: too_large, or unreadable for high dynamic range (PQ), which would be dark.
        """
        if frame.color_trc == PQ:
            raise MediaError(Reason.UNREADABLE, "pictures of high dynamic range (PQ)")
        width, height = _square_size(frame.width, frame.height, self._pixel_aspect)
        if width * height > MAX_PIXELS:
            raise MediaError(Reason.TOO_LARGE, f"{width} x {height} pixels")
        is_hd = frame.colorspace == UNSPECIFIED_MATRIX and frame.height >= HD_HEIGHT_PX
        converted = self._reformatter.reformat(
            frame,
            width,
            height,
            format="rgb24",
            src_colorspace=ITU709 if is_hd else None,
            threads=1,
        )
        pixels = np.asarray(converted.to_ndarray(), np.uint8)
        return Image.fromarray(_upright(pixels, _display_matrix(frame)))


def _square_size(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Returns a size with square pixels; the pixels of a frame are `aspect` as wide as high."""
    if not Fraction(1, MAX_PIXEL_ASPECT) <= aspect <= MAX_PIXEL_ASPECT:
        return width, height
    return (round(width * aspect), height) if aspect >= 1 else (width, round(height / aspect))


def _display_matrix(frame: Any) -> Sequence[int]:
    """Returns a, b, c and d of a frame's display matrix: x' = ax + cy, y' = bx + dy."""
    for data in frame.side_data:
        if data.type.name == DISPLAY_MATRIX:
            a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
            return a, b, c, d
    return 1, 0, 0, 1


def _upright(pixels: NDArray[np.uint8], matrix: Sequence[int]) -> NDArray[np.uint8]:
    """Turns and mirrors a picture by the nearest of the eight display matrices of phones."""
    a, b, c, d = matrix
    if abs(a) + abs(d) < abs(b) + abs(c):
        pixels, a, d = pixels.swapaxes(0, 1), c, b
    pixels = pixels[:, ::-1] if a < 0 else pixels
    pixels = pixels[::-1] if d < 0 else pixels
    return np.ascontiguousarray(pixels)
