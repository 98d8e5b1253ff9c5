"""Benchmark of videos: moments/s of one process, compared with only decoding the same packets.

    python benchmarks/videos.py --minutes 60

`bench.py` measures a video of 5 minutes. Videos have 640 x 360 pixels, 25 frames/s, a key frame
every 10 s and a face that moves; moments of 3 s are taken at random. Ways take turns. A figure is
the least CPU time of a moment over the rounds; the time of an idle core's clock is the same.
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from harness import Config
from PIL import Image

from facevoice.features import (
    FeatureSettings,
    find_video_face,
    probe_video,
    read_video_window,
    spectrogram,
)
from facevoice.features.videos import open_video
from facevoice.sample_corpus.faces import face_jpeg
from facevoice.sample_corpus.people import PEOPLE

DECODING = "the same sound and frames decoded, nothing else"
SIZE, FRAMES_PER_SECOND, KEY_SECONDS, RATE_HZ = (640, 360), 25, 10, 48_000
ROUNDS = 3


def write_video(path: Path, minutes: int) -> None:
    """Writes a video with a face that moves, and noise."""
    face = Image.open(io.BytesIO(face_jpeg(PEOPLE[0].face, 0, 0, 0))).resize((160, 160))
    noise = np.random.default_rng(0)
    spots = Image.fromarray(noise.integers(60, 180, (9, 16, 3), np.uint8))
    backdrop = spots.resize(SIZE, Image.Resampling.BICUBIC)
    frames = []
    for step in [*range(50), *range(49, -1, -1)]:
        picture = backdrop.copy()
        picture.paste(face, (200 + step, 80))
        frame = av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24")
        frames.append(frame.reformat(format="yuv420p"))
    with av.open(str(path), "w") as container:
        options = {"preset": "ultrafast", "crf": "28"}
        pictures = container.add_stream("libx264", rate=FRAMES_PER_SECOND, options=options)
        pictures.width, pictures.height, pictures.pix_fmt = (*SIZE, "yuv420p")
        pictures.codec_context.gop_size = KEY_SECONDS * FRAMES_PER_SECOND
        sound = container.add_stream("aac", rate=RATE_HZ, layout="mono")
        for second in range(60 * minutes):
            for number in range(second * FRAMES_PER_SECOND, (second + 1) * FRAMES_PER_SECOND):
                frame = frames[number % len(frames)]
                frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
                container.mux(pictures.encode(frame))
            samples = noise.normal(0, 0.1, (1, RATE_HZ)).astype(np.float32)
            block = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            block.sample_rate, block.pts = RATE_HZ, second * RATE_HZ
            block.time_base = Fraction(1, RATE_HZ)
            container.mux(sound.encode(block))
        for track in (pictures, sound):
            container.mux(track.encode(None))


def decode_alone(path: Path, start_seconds: int) -> None:
    """Decodes what a moment needs: the sound, and the pictures from the key frame before."""
    with av.open(str(path)) as container:
        pictures: Any = container.streams.video[0]
        sound: Any = container.streams.audio[0]
        pictures.thread_type = "NONE"
        for track in (pictures, sound):
            track.codec_context.thread_count = 1
        for track, first, last in (
            (sound, start_seconds - 1, start_seconds + 3),
            (pictures, start_seconds, start_seconds + 2.5),
        ):
            container.seek(max(0, int(first / track.time_base)), stream=track)
            decoded: Any = container.decode(track)
            for frame in decoded:
                if frame.time >= last:
                    break


def take_moment(path: Path, start_seconds: int, settings: FeatureSettings) -> None:
    """Does what a build does with a moment."""
    with open_video(path) as video:
        samples = read_video_window(video, start_seconds * settings.sample_rate_hz, settings)
        find_video_face(video, start_seconds, settings)
    spectrogram(samples, settings)


def run(config: Config) -> str:
    """Returns the table of this group."""
    return measure(config.video_minutes, config.media)[0]


def measure(minutes: int, moments: int) -> tuple[str, float]:
    """Measures all ways in turns; returns the table, and the peak memory in MB."""
    with tempfile.TemporaryDirectory(prefix="facevoice-") as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, minutes)
        last = round(probe_video(path).audio_end_seconds) - 3
        starts = random.Random(0).choices(range(last), k=moments)
        ways: dict[str, Callable[[int], object]] = {
            DECODING: lambda start: decode_alone(path, start),
            "moment, centre of the frame": lambda start: take_moment(
                path, start, FeatureSettings(frames_per_second=1.0)
            ),
            "moment, face detector on three frames": lambda start: take_moment(
                path, start, FeatureSettings(frames_per_second=1.0, face_detector="blazeface")
            ),
            "header, once at planning": lambda _: probe_video(path),
        }
        best_ms = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for name, take in ways.items():
                take(starts[0])
                began = time.process_time()
                for start in starts:
                    take(start)
                spent_ms = 1000 * (time.process_time() - began) / len(starts)
                best_ms[name] = min(best_ms[name], spent_ms)
    lines = [
        f"### Videos: moments of 3 s of a video of {minutes} minutes, one process\n",
        "| | ms of CPU time | moments/s | times of decoding |",
        "|---|---|---|---|",
    ]
    for name, ms in best_ms.items():
        lines.append(f"| {name} | {ms:.1f} | {1000 / ms:.1f} | {ms / best_ms[DECODING]:.2f} |")
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return "\n".join(lines) + "\n", peak_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=5, help="length of the video (default: 5)")
    parser.add_argument("--moments", type=int, default=100, help="in each round (default: 100)")
    args = parser.parse_args()
    text, peak_mb = measure(args.minutes, args.moments)
    print(f"{text}\nPeak memory: {peak_mb:.0f} MB.")


if __name__ == "__main__":
    main()
