"""Measures whether `facevoice serve --data` answers as quickly for 100,000 pairs as for 500.

    python benchmarks/browsing.py [--pairs 500 100000]

The datasets are synthetic, with the same number of pairs for each person, and small arrays (16 x 16
pixels, 24 x 32 levels), so that they fit on a disk; what is read for a page is independent of the
number of pairs. One server runs for each dataset, and requests alternate between them.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import http.client
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from facevoice.features import FeatureSettings
from tfdata.manifest import Corpus, Leak, Manifest, Person, Shard, Split
from tfdata.schema import SPLITS, encode_record
from tfdata.tfrecord import frame

PAIRS_PER_PERSON, PAIRS_PER_VIDEO, SHARDS = 20, 4, 8
TRAIN_SHARE = 0.8
FEATURES = FeatureSettings(image_size=16, bands=24, frames=32, window_seconds=0.5, fft_size=256)
PATHS = {
    "people": "/",
    "people, sorted by pairs, last page": "/?sort=pairs&order=down&page=999999",
    "people by name": "/?name=00001",
    "pairs": "/pairs",
    "pairs, last page": "/pairs?page=999999",
    "pairs of a person": "/pairs?person=3",
    "pairs of a person and split": "/pairs?person=3&split=test",
    "rejected media, last page": "/rejects?page=999999",
    "rejected media of a reason": "/rejects?reason=unreadable",
    "face": "/face/train/99.png",
    "spectrogram": "/spectrogram/train/99.png",
}


def main() -> None:
    """Prints the medians of each page for both sizes, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, nargs=2, default=(500, 100_000), help="two sizes")
    parser.add_argument("--rounds", type=int, default=30, help="requests per page (default: 30)")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="facevoice-browsing-") as folder:
        environment = os.environ | {"FACEVOICE_CACHE": f"{folder}/cache"}
        servers = []
        try:
            for pairs in flags.pairs:
                dataset = Path(folder, str(pairs))
                write_dataset(dataset, pairs)
                for attempt in ("first start", "next start"):
                    started = time.monotonic()
                    server, port = start(dataset, environment)
                    seconds = time.monotonic() - started
                    print(f"{pairs:,} pairs, {attempt}: {seconds:.1f} s", flush=True)
                    if attempt == "first start":
                        stop(server)
                servers.append((server, port))
            print(f"{'page':36} {flags.pairs[0]:>8,} {flags.pairs[1]:>8,}   ratio")
            for name, path in PATHS.items():
                for _, port in servers:
                    request(port, path)  # the first one reads the template
                found = [[request(port, path) for _, port in servers] for _ in range(flags.rounds)]
                small, large = 1000 * np.median(found, axis=0)
                print(f"{name:36} {small:5.1f} ms {large:5.1f} ms  {large / small:5.2f}")
        finally:
            for server, _ in servers:
                stop(server)


def write_dataset(folder: Path, pairs: int) -> None:
    """Writes a dataset, with one rejected file for each ten pairs."""
    folder.mkdir()
    draw = np.random.default_rng(1)
    names = [f"Person_{i:06d}" for i in range(pairs // PAIRS_PER_PERSON)]
    train = round(TRAIN_SHARE * PAIRS_PER_PERSON)
    counts = {"train": train, "validation": (PAIRS_PER_PERSON - train) // 2}
    counts["test"] = PAIRS_PER_PERSON - sum(counts.values())
    splits = {}
    for split in SPLITS:
        keys = [(name, number) for name in names for number in range(counts[split])]
        draw.shuffle(keys)
        shards = []
        for shard, part in enumerate(np.array_split(np.array(keys, object), SHARDS)):
            content = b"".join(
                frame(record(draw, name, int(number), split)) for name, number in part
            )
            file = f"{split}-{shard:05d}-of-{SHARDS:05d}-0123456789ab.tfrecord"
            (folder / file).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            shards.append(Shard(file, len(part), len(content), digest))
        videos = -(-counts[split] // PAIRS_PER_VIDEO)
        sessions = {name: [f"{split}{video}" for video in range(videos)] for name in names}
        splits[split] = Split(len(keys), sessions, tuple(shards))
    people = {name: Person(label, {}, counts, 0) for label, name in enumerate(names)}
    rejected = pairs // 10
    manifest = Manifest(
        features=dataclasses.asdict(FEATURES),
        plan={"seed": 0, "num_shards": SHARDS},
        image_shape=FEATURES.image_shape,
        spectrogram_shape=FEATURES.spectrogram_shape,
        people=people,
        splits=splits,
        without_pairs={},
        corpus=Corpus(len(names) * 10, pairs, pairs, 3.0 * pairs),
        leakage={split: Leak(splits[split].pairs, 0, 0) for split in SPLITS[1:]},
        rejects={"unreadable": rejected},
        software={},
    )
    (folder / "dataset.json").write_text(manifest.to_json(), encoding="utf-8")
    line = '{"kind": "face", "path": "a/b/%d.jpg", "reason": "unreadable", "detail": "damaged"}\n'
    (folder / "rejects.jsonl").write_text("".join(line % number for number in range(rejected)))


def record(draw: np.random.Generator, name: str, number: int, split: str) -> bytes:
    """Returns a record of noise."""
    return encode_record(
        draw.integers(0, 256, FEATURES.image_shape, np.uint8),
        draw.integers(0, 256, FEATURES.spectrogram_shape, np.uint8),
        identity=name,
        session=f"{split}{number // PAIRS_PER_VIDEO}",
        key=f"{name} {split} {number}",
        face_source=f"{name}/{number}.jpg",
        audio_source=f"{name}/{number}.wav",
        window_start_samples=8000 * number,
    )


def start(dataset: Path, environment: dict[str, str]) -> tuple[subprocess.Popen[str], int]:
    """Starts a server; returns it and its port, when it listens."""
    code = "import sys; from facevoice.commands.serve import main; sys.exit(main(sys.argv[1:]))"
    server = subprocess.Popen(
        [sys.executable, "-c", code, f"--data={dataset}", "--port=0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert server.stdout is not None
    found = re.search(r":(\d+)/$", server.stdout.readline())
    assert found, "the server did not start"
    return server, int(found[1])


def stop(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.wait()


def request(port: int, path: str) -> float:
    """Returns the seconds from a request to the end of its answer."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status == http.client.OK, path
    return time.monotonic() - began


if __name__ == "__main__":
    main()
