"""Everything about a clip that is not the person: microphone, room, noise, level.

A `Channel` is drawn once a video. A speaker model that learns it fails on the next video.
"""

import io
from dataclasses import dataclass

import numpy as np
import soundfile as sf
from scipy.signal import fftconvolve

from facevoice.sample_corpus.naming import STREAM_CHANNEL, generator
from facevoice.sample_corpus.scenes import Floats
from facevoice.sample_corpus.voices import SAMPLE_RATE_HZ, Voice, utterance

NOISES = ("white", "pink", "hum", "babble")


@dataclass(frozen=True)
class Channel:
    """One video's way from the mouth to the file."""

    low_cut_hz: float
    high_cut_hz: float
    tilt_db_oct: float
    peak_hz: float
    peak_db: float
    reverb_seconds: float  # until the echo has fallen by 60 dB
    reverb_db: float  # the echo's energy against the voice's
    noise: str
    snr_db: float
    level_dbfs: float


def sample_channel(person: int, video: int) -> Channel:
    """The channel of one video, the same at every call."""
    rng = generator(STREAM_CHANNEL, person, video)
    telephone = rng.uniform() < 0.2
    return Channel(
        low_cut_hz=float(rng.uniform(200, 320) if telephone else rng.uniform(40, 140)),
        high_cut_hz=float(rng.uniform(3300, 4200) if telephone else rng.uniform(5500, 9000)),
        tilt_db_oct=float(rng.normal(0.0, 0.8)),
        peak_hz=float(np.exp(rng.uniform(np.log(300), np.log(4500)))),
        peak_db=float(rng.normal(0.0, 3.0)),
        reverb_seconds=float(rng.uniform(0.08, 0.6)),
        reverb_db=float(rng.uniform(-20.0, -4.0)),
        noise=str(rng.choice(NOISES, p=[0.1, 0.35, 0.25, 0.3])),
        snr_db=float(rng.uniform(12.0, 30.0)),
        level_dbfs=float(rng.uniform(-32.0, -18.0)),
    )


def _equalised(sound: Floats, gain_db: Floats) -> Floats:
    """The sound with a gain at each frequency of its spectrum."""
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (gain_db / 20), len(sound))


def _frequencies(samples: int) -> Floats:
    return np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)


def _noise(kind: str, samples: int, rng: np.random.Generator) -> Floats:
    """Background noise of unit loudness."""
    sound = rng.normal(0, 1, samples)
    f_hz = np.maximum(_frequencies(samples), 30.0)
    if kind == "pink":
        sound = _equalised(sound, -10 * np.log10(f_hz / 30))
    elif kind == "hum":
        t = np.arange(samples) / SAMPLE_RATE_HZ
        mains_hz = float(rng.choice([50.0, 60.0]))
        tones = [np.sin(2 * np.pi * (k * mains_hz * t + rng.uniform())) / k for k in range(1, 9)]
        sound = np.sum(tones, axis=0) + 0.3 * _equalised(sound, -10 * np.log10(f_hz / 30))
    elif kind == "babble":
        murmur = (
            -12 * np.log2(np.maximum(f_hz, 500) / 500)
            - 8 * np.log2(np.minimum(f_hz, 150) / 150) ** 2
        )
        syllables = rng.uniform(0.3, 1.0, samples // 2400 + 2)
        beats = np.interp(np.arange(samples) / 2400, np.arange(len(syllables)), syllables)
        sound = _equalised(sound, murmur) * beats
    return sound / np.sqrt(np.mean(sound**2))


def record(
    sound: Floats, channel: Channel, room_key: tuple[int, int], rng: np.random.Generator
) -> Floats:
    """A dry clip as the channel's file holds it, -1 to 1."""
    samples = len(sound)
    room = generator(STREAM_CHANNEL, *room_key, 1)
    tail = room.normal(0, 1, round(channel.reverb_seconds * SAMPLE_RATE_HZ))
    tail *= 10 ** (-3 * np.arange(len(tail)) / len(tail))
    tail *= 10 ** (channel.reverb_db / 20) / np.sqrt(np.sum(tail**2))
    wet = sound + fftconvolve(sound, np.concatenate([np.zeros(60), tail]))[:samples]
    f_hz = np.maximum(_frequencies(samples), 20.0)
    bands_db = channel.tilt_db_oct * np.log2(np.clip(f_hz, 100, 7000) / 1000)
    bands_db = bands_db + channel.peak_db * np.exp(-((np.log2(f_hz / channel.peak_hz) / 0.5) ** 2))
    bands_db = bands_db - 10 * np.log10(1 + (channel.low_cut_hz / f_hz) ** 6)
    bands_db = bands_db - 10 * np.log10(1 + (f_hz / channel.high_cut_hz) ** 12)
    noise = 10 ** (-channel.snr_db / 20) * _noise(channel.noise, samples, rng)
    heard = _equalised(wet / np.sqrt(np.mean(wet**2)) + noise, bands_db)
    heard /= np.sqrt(np.mean(heard**2))
    level_db = channel.level_dbfs + rng.normal(0, 1.5)
    return np.clip(heard * 10 ** (level_db / 20), -0.99, 0.99)


def clip_wav(voice: Voice, person: int, video: int, item: int) -> bytes:
    """One clip of a person as the bytes of its file: 16 kHz, mono, PCM 16."""
    sound = utterance(voice, person, video, item)
    rng = generator(STREAM_CHANNEL, person, video, 2, item)
    heard = record(sound, sample_channel(person, video), (person, video), rng)
    out = io.BytesIO()
    sf.write(
        out, np.rint(heard * 32767).astype(np.int16), SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16"
    )
    return out.getvalue()
