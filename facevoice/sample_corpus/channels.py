"""Recording channels of clips: microphone, room, noise and level.

A `Channel` is sampled for each video, so a model that learns it fails on other videos.
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
    """A video's equaliser, reverberation, noise and level."""

    low_cut_hz: float
    high_cut_hz: float
    tilt_db_oct: float
    peak_hz: float
    peak_db: float
    reverb_seconds: float  # RT60
    reverb_db: float  # energy of the reverberation relative to the voice
    noise: str
    snr_db: float
    level_dbfs: float


def sample_channel(person: int, video: int) -> Channel:
    """Samples the channel of a video, deterministically."""
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


def _equalise(sound: Floats, gain_db: Floats) -> Floats:
    """Applies a gain to each frequency of the spectrum."""
    return np.fft.irfft(np.fft.rfft(sound) * 10 ** (gain_db / 20), len(sound))


def _frequencies(samples: int) -> Floats:
    return np.fft.rfftfreq(samples, 1 / SAMPLE_RATE_HZ)


def _noise(kind: str, samples: int, rng: np.random.Generator) -> Floats:
    """Returns noise of RMS 1."""
    sound = rng.normal(0, 1, samples)
    f_hz = np.maximum(_frequencies(samples), 30.0)
    if kind == "pink":
        sound = _equalise(sound, -10 * np.log10(f_hz / 30))
    elif kind == "hum":
        t = np.arange(samples) / SAMPLE_RATE_HZ
        mains_hz = float(rng.choice([50.0, 60.0]))
        tones = [np.sin(2 * np.pi * (k * mains_hz * t + rng.uniform())) / k for k in range(1, 9)]
        sound = np.sum(tones, axis=0) + 0.3 * _equalise(sound, -10 * np.log10(f_hz / 30))
    elif kind == "babble":
        murmur = (
            -12 * np.log2(np.maximum(f_hz, 500) / 500)
            - 8 * np.log2(np.minimum(f_hz, 150) / 150) ** 2
        )
        syllables = rng.uniform(0.3, 1.0, samples // 2400 + 2)
        beats = np.interp(np.arange(samples) / 2400, np.arange(len(syllables)), syllables)
        sound = _equalise(sound, murmur) * beats
    return sound / np.sqrt(np.mean(sound**2))


def apply_channel(
    sound: Floats, channel: Channel, room_key: tuple[int, int], rng: np.random.Generator
) -> Floats:
    """Applies reverberation, noise, equaliser and level to a dry clip.

    Args:
      sound: samples.
      channel: of the video.
      room_key: person and video, the seed of the impulse response.
      rng: generator of the noise.

    Returns:
      Samples, -1 to 1.
    """
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
    recorded = _equalise(wet / np.sqrt(np.mean(wet**2)) + noise, bands_db)
    recorded /= np.sqrt(np.mean(recorded**2))
    level_db = channel.level_dbfs + rng.normal(0, 1.5)
    return np.clip(recorded * 10 ** (level_db / 20), -0.99, 0.99)


def clip_wav(voice: Voice, person: int, video: int, item: int) -> bytes:
    """Returns the bytes of one clip's file: 16 kHz, mono, 16-bit PCM."""
    sound = utterance(voice, person, video, item)
    rng = generator(STREAM_CHANNEL, person, video, 2, item)
    recorded = apply_channel(sound, sample_channel(person, video), (person, video), rng)
    samples = np.rint(recorded * 32767).astype(np.int16)
    out = io.BytesIO()
    sf.write(out, samples, SAMPLE_RATE_HZ, format="WAV", subtype="PCM_16")
    return out.getvalue()
