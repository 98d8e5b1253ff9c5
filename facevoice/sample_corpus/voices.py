"""Synthesises speech-like sounds from a person's vocal traits.

A glottal source (pulses with jitter, shimmer and breath noise) is filtered by formants that follow
random syllables. Syllables, intonation and speech rate differ from clip to clip; the traits in
`Voice` are constant.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import istft, resample_poly, stft

from facevoice.sample_corpus.naming import STREAM_SPEECH, generator
from facevoice.sample_corpus.scenes import Floats

SAMPLE_RATE_HZ: Final = 16_000
CONTROL_HZ: Final = 200
"""Rate of the control signals in `Articulation`: one value every 5 ms."""

VOWELS_HZ: Final = np.array([
    (290, 2250, 2950), (400, 2050, 2650), (560, 1800, 2550), (730, 1300, 2500),
    (580, 950, 2450), (450, 850, 2400), (320, 900, 2300), (500, 1480, 2480),
], dtype=np.float64)  # fmt: skip
"""First three formants of eight vowels, for a vocal tract of average length."""

HIGH_FORMANTS_HZ: Final = (5600.0, 6600.0, 7600.0, 8600.0, 9600.0, 10600.0)
"""Higher formants, without which the spectrum would fall too steeply."""

HISS: Final = 1.1
"""Loudness of fricatives and stops relative to vowels."""


@dataclass(frozen=True)
class Voice:
    """Vocal traits of a person."""

    f0_hz: float
    f0_range_st: float  # standard deviation of the pitch, in semitones
    formant_scale: float  # factor of all formants; above 1 for short vocal tracts
    tilt_db_oct: float = 5.0  # in addition to the source's 12 dB per octave
    breathiness: float = 0.05
    syllables_hz: float = 4.5
    jitter: float = 0.010
    tremor_st: float = 0.0
    creak: float = 0.0
    nasality: float = 0.0
    singers_formant_db: float = 0.0  # near 3 kHz
    f4_hz: float = 3500.0
    f5_hz: float = 4500.0
    antiresonance_hz: float = 5200.0  # of the piriform sinuses
    f2_spread: float = 1.0  # factor of F2's distance from its mean: an accent


@dataclass(frozen=True)
class Articulation:
    """Control signals of the synthesis, [steps] unless noted."""

    f0_st: Floats  # semitones relative to the voice's f0_hz
    formants_hz: Floats  # [steps, 3]
    voicing: Floats
    hiss: Floats
    hiss_hz: Floats
    creak: Floats  # 0 to 1


def articulate(voice: Voice, seconds: float, rng: np.random.Generator) -> Articulation:
    """Samples random syllables of consonant and vowel, in phrases separated by pauses."""
    steps = round(seconds * CONTROL_HZ)
    formants = np.tile(VOWELS_HZ[7], (steps, 1))
    f0, voicing, hiss, creak = (np.zeros(steps) for _ in range(4))
    hiss_hz = np.full(steps, 3000.0)
    pace = CONTROL_HZ / (voice.syllables_hz * np.exp(rng.normal(0, 0.10)))
    mood = rng.normal(0, 0.9)
    position, remaining = int(rng.integers(0, 12)), int(rng.integers(4, 9))
    phrase_length = remaining
    while position < steps:
        length = max(12, round(pace * np.exp(rng.normal(0, 0.22))))
        vowel = VOWELS_HZ[rng.integers(8)] * np.exp(rng.normal(0, 0.03, 3))
        kind = rng.choice(["none", "fricative", "stop", "soft"], p=[0.15, 0.3, 0.3, 0.25])
        lead = 0 if kind == "none" else max(5, round(length * rng.uniform(0.2, 0.4)))
        onset, end = min(position + lead, steps), min(position + length, steps)
        if kind == "fricative":
            hiss[position:onset] = rng.uniform(0.25, 0.7)
            hiss_hz[position:onset] = (
                rng.choice([1800.0, 2800.0, 4800.0, 6000.0]) * voice.formant_scale**0.5
            )
        elif kind == "stop":
            burst = max(position, onset - 4)
            hiss[burst:onset] = rng.uniform(0.5, 1.1)
            hiss_hz[burst:onset] = rng.choice([900.0, 2000.0, 3600.0])
        elif kind == "soft":
            voicing[position:onset] = 0.35
            formants[position:onset] = (280.0, rng.choice([1100.0, 1500.0]), 2300.0)
        stress = np.exp(rng.normal(0, 0.18))
        voicing[onset:end] = stress
        formants[onset:end] = vowel
        if lead == 0:
            voicing[position:onset] = stress
        progress = 1 - remaining / phrase_length
        f0[position:end] = mood + voice.f0_range_st * (
            0.55 - 1.1 * progress + rng.normal(0, 0.55) * stress
        )
        remaining -= 1
        position = end
        if remaining == 0:
            creak[max(0, end - round(0.8 * length)) : end] = 1.0
            f0[max(0, end - length // 2) : end] -= voice.f0_range_st * rng.uniform(-0.8, 1.0)
            position += round(CONTROL_HZ * rng.uniform(0.08, 0.35))
            remaining = phrase_length = int(rng.integers(4, 10))
    vibrato = voice.tremor_st * np.sin(
        2 * np.pi * (5.2 * np.arange(steps) / CONTROL_HZ + rng.uniform())
    )
    return Articulation(
        f0_st=gaussian_filter1d(f0, 9) + vibrato,
        formants_hz=gaussian_filter1d(formants, 4, axis=0),
        voicing=gaussian_filter1d(voicing, 2.2),
        hiss=gaussian_filter1d(hiss, 1.2),
        hiss_hz=hiss_hz,
        creak=gaussian_filter1d(creak, 4),
    )


def glottal_source(
    voice: Voice, articulation: Articulation, samples: int, rng: np.random.Generator
) -> Floats:
    """Returns differentiated Rosenberg pulses plus breath noise, synthesised at twice the rate."""
    double = 2 * samples
    clock = np.arange(double) * (CONTROL_HZ / (2 * SAMPLE_RATE_HZ))
    step = np.arange(len(articulation.f0_st))
    f0_hz = voice.f0_hz * 2 ** (np.interp(clock, step, articulation.f0_st) / 12)
    creak = voice.creak * np.interp(clock, step, articulation.creak)
    cycle = np.cumsum(f0_hz * (1 - 0.25 * creak)) / (2 * SAMPLE_RATE_HZ)
    wobble = rng.normal(0, 1, int(cycle[-1]) + 3)
    cycle = cycle + voice.jitter * np.interp(cycle, np.arange(len(wobble)), wobble)
    number = np.clip(cycle.astype(np.int64), 0, len(wobble) - 1)
    loud = 1 + 4 * voice.jitter * rng.normal(0, 1, len(wobble))[number]
    loud = loud * (1 - 0.75 * creak * (number % 2))
    t = cycle - np.floor(cycle)
    opening, closing = 0.42, 0.18
    rise = 0.5 * (1 - np.cos(np.pi * t / opening))
    fall = np.cos(0.5 * np.pi * np.clip((t - opening) / closing, 0, 1))
    flow = np.where(t < opening, rise, fall) * loud
    pulses = np.diff(flow, prepend=flow[:1]) * (2 * SAMPLE_RATE_HZ / voice.f0_hz)
    breath = voice.breathiness * rng.normal(0, 1, double) * (0.35 + flow)
    return resample_poly(pulses / 4 + breath, 1, 2)


def _formant_gain(voice: Voice, articulation: Articulation, f_hz: Floats) -> Floats:
    """Returns the gain of vocal tract and spectral tilt, [frequencies, steps]."""
    middle_hz = 1450.0
    f2 = middle_hz + (articulation.formants_hz[:, 1] - middle_hz) * voice.f2_spread
    high = np.multiply.outer((voice.f4_hz, voice.f5_hz, *HIGH_FORMANTS_HZ), np.ones(len(f2)))
    centres = voice.formant_scale * np.stack(
        [articulation.formants_hz[:, 0], f2, articulation.formants_hz[:, 2], *high]
    )
    widths = (70.0, 95.0, 140.0, 200.0, 260.0, 500.0, 600.0, 700.0, 800.0, 900.0, 1000.0)
    s = f_hz[:, None]
    gain = np.ones((len(f_hz), len(f2)))
    for centre, width in zip(centres, widths, strict=True):
        gain *= centre**2 / np.sqrt((centre**2 - s**2) ** 2 + (s * width) ** 2)
    gain = gain**0.85
    octaves = np.log2(np.clip(f_hz, 250.0, 6000.0) / 250.0)
    fixed_db = voice.tilt_db_oct * octaves
    fixed_db = fixed_db + voice.singers_formant_db * np.exp(
        -(((f_hz - 2900.0 * voice.formant_scale) / 450.0) ** 2)
    )
    throat = 15 * np.exp(-(((f_hz - voice.antiresonance_hz) / 420.0) ** 2))
    dip = voice.nasality * np.exp(-(((f_hz - 900.0 * voice.formant_scale) / 260.0) ** 2))
    hum = 0.6 * voice.nasality * np.exp(-(((f_hz - 260.0) / 90.0) ** 2))
    return gain * (10 ** ((fixed_db - throat - 14 * dip + 10 * hum) / 20))[:, None]


def synthesise(voice: Voice, seconds: float, rng: np.random.Generator) -> Floats:
    """Synthesises a dry, clean clip of RMS 1."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    articulation = articulate(voice, seconds, rng)
    hop = SAMPLE_RATE_HZ // CONTROL_HZ
    window = {"fs": SAMPLE_RATE_HZ, "nperseg": 4 * hop, "noverlap": 3 * hop, "nfft": 512}
    source = glottal_source(voice, articulation, samples, rng)
    f_hz, _, voiced = stft(source, **window)
    _, _, noise = stft(rng.normal(0, 1, samples), **window)
    step = np.minimum(np.arange(voiced.shape[1]), len(articulation.voicing) - 1)
    gain = _formant_gain(voice, articulation, f_hz)[:, step] * articulation.voicing[step]
    octaves = np.log2(np.maximum(f_hz, 60.0)[:, None] / articulation.hiss_hz[step])
    hiss = articulation.hiss[step] * np.exp(-0.5 * (octaves / 0.45) ** 2)
    voiced = voiced * gain
    loudness = float(np.sqrt(np.mean(np.abs(voiced) ** 2)) / np.sqrt(np.mean(np.abs(noise) ** 2)))
    _, sound = istft(voiced + HISS * loudness * noise * hiss, **window)
    sound = sound[:samples]
    return sound / (np.sqrt(np.mean(sound**2)) + 1e-9)


def clip_seconds(person: int, video: int, item: int) -> float:
    """Samples a clip's length: 2.6 to 3.6 s in steps of 25 ms, about 3 s on average."""
    draw = float(generator(STREAM_SPEECH, person, video, item, 1).beta(1.5, 2.0))
    return 2.6 + 0.025 * round(40 * draw)


def utterance(voice: Voice, person: int, video: int, item: int) -> Floats:
    """Returns a clip's samples before the recording channel."""
    rng = generator(STREAM_SPEECH, person, video, item)
    return synthesise(voice, clip_seconds(person, video, item), rng)
