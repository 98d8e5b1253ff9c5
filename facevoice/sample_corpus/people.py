"""The twelve people of the sample corpus. Names, faces and voices are invented.

Several people share each value of skin, hair colour, pitch and timbre; only the combination of
traits identifies a person. The table is not sorted by name, so that ids can be mapped to names only
through the meta file.
"""

from dataclasses import dataclass

from facevoice.sample_corpus.traits import Face
from facevoice.sample_corpus.voices import Voice

FAIR, TAN, DEEP = (228, 180, 152), (205, 150, 112), (140, 92, 66)
BLACK, BROWN, SAND, GREY = (40, 32, 32), (98, 62, 40), (176, 128, 70), (150, 146, 146)


@dataclass(frozen=True)
class Person:
    """An invented person."""

    name: str
    gender: str
    face: Face
    voice: Voice


PEOPLE: tuple[Person, ...] = (
    Person(
        "Mira_Quillfeather", "f",
        Face(
            FAIR, BROWN, "bob", width=0.78, jaw=0.84, chin=0.42, eye_x=0.32, eye_w=0.175,
            eye_h=0.105, brow_y=-0.21, brow_thick=0.045, nose_w=0.11, nose_y=0.34, mouth_w=0.2,
            lips=(190, 70, 80), glasses="round", glasses_colour=(150, 40, 46), lashes=True,
            neck=0.33, accessory="scarf", pattern="dots",
        ),
        Voice(
            f0_hz=205, f0_range_st=2.5, formant_scale=1.10, tilt_db_oct=3.5, breathiness=0.10,
            syllables_hz=4.6, f4_hz=3700, f5_hz=4700, antiresonance_hz=5400,
        ),
    ),
    Person(
        "Bram_Thistledown", "m",
        Face(
            FAIR, BROWN, "side", width=0.80, jaw=0.90, chin=0.52, eye_x=0.30, eye_h=0.07,
            brow_y=-0.17, brow_thick=0.085, brow_tilt=0.03, nose_w=0.16, nose_y=0.42, mouth_w=0.29,
            beard="full", neck=0.46, accessory="scarf", pattern="checks",
        ),
        Voice(
            f0_hz=105, f0_range_st=1.8, formant_scale=0.95, tilt_db_oct=5.5, breathiness=0.04,
            syllables_hz=4.0, singers_formant_db=8.0, f4_hz=3300, f5_hz=4100, antiresonance_hz=4600,
        ),
    ),
    Person(
        "Odette_Cloudberry", "f",
        Face(
            DEEP, BLACK, "afro", width=0.74, jaw=0.78, chin=0.36, eye_x=0.31, eye_w=0.185,
            eye_h=0.10, eye_tilt=0.06, brow_y=-0.25, brow_arch=0.06, brow_thick=0.04, nose_w=0.17,
            nose_y=0.38, mouth_w=0.27, lip_up=0.07, lip_low=0.11, lips=(150, 62, 70), lashes=True,
            earrings=True, neck=0.32, accessory="band", pattern="zigzag",
        ),
        Voice(
            f0_hz=190, f0_range_st=3.2, formant_scale=1.04, tilt_db_oct=6.0, breathiness=0.03,
            syllables_hz=5.2, singers_formant_db=5.0, f4_hz=3400, f5_hz=4600, antiresonance_hz=5900,
        ),
    ),
    Person(
        "Jonty_Penhallow-Voss", "m",
        Face(
            TAN, BLACK, "quiff", width=0.72, jaw=0.76, chin=0.34, eye_x=0.28, eye_w=0.16,
            eye_h=0.08, brow_y=-0.2, brow_thick=0.07, brow_tilt=-0.015, brow_arch=0.02, nose_w=0.12,
            nose_y=0.45, mouth_w=0.24, beard="goatee", neck=0.4, accessory="scarf", pattern="slant",
        ),
        Voice(
            f0_hz=128, f0_range_st=2.6, formant_scale=1.01, breathiness=0.05, syllables_hz=5.8,
            nasality=1.0, f4_hz=3100, f5_hz=4300, antiresonance_hz=5000,
        ),
    ),
    Person(
        "Ysolde_Lumenfield", "f",
        Face(
            TAN, BLACK, "long", width=0.72, cheek=0.95, jaw=0.72, chin=0.30, eye_x=0.30, eye_w=0.18,
            eye_h=0.075, eye_tilt=0.08, brow_y=-0.21, brow_tilt=-0.015, brow_thick=0.038,
            nose_w=0.11, nose_y=0.38, mouth_w=0.23, lip_low=0.085, lips=(184, 84, 90), lashes=True,
            mole=(0.34, 0.52), neck=0.32, accessory="band", pattern="slant",
        ),
        Voice(
            f0_hz=235, f0_range_st=1.6, formant_scale=1.14, tilt_db_oct=1.5, breathiness=0.18,
            syllables_hz=3.8, f4_hz=3800, f5_hz=4400, antiresonance_hz=4900,
        ),
    ),
    Person(
        "Fenn_Oakapple", "m",
        Face(
            FAIR, SAND, "spiky", width=0.80, jaw=0.78, chin=0.40, ear=0.25, eye_x=0.34, eye_w=0.16,
            eye_h=0.10, iris=(70, 120, 150), brow_y=-0.24, brow_thick=0.045, nose_w=0.12,
            nose_y=0.32, mouth_w=0.3, freckles=True, neck=0.36, accessory="scarf", pattern="hoops",
        ),
        Voice(
            f0_hz=150, f0_range_st=3.0, formant_scale=1.06, tilt_db_oct=5.5, breathiness=0.06,
            syllables_hz=5.5, f2_spread=1.15, f4_hz=3500, f5_hz=4100, antiresonance_hz=5600,
        ),
    ),
    Person(
        "Robin_Sample_Jr.", "m",
        Face(
            DEEP, BLACK, "buzz", width=0.79, jaw=0.92, chin=0.50, eye_x=0.31, eye_h=0.075,
            brow_y=-0.18, brow_thick=0.06, nose_w=0.19, nose_y=0.40, mouth_w=0.28, lip_up=0.06,
            lip_low=0.09, lips=(140, 80, 72), glasses="square", neck=0.5, accessory="scarf",
            pattern="bars",
        ),
        Voice(
            f0_hz=90, f0_range_st=2.2, formant_scale=0.88, syllables_hz=4.2, creak=0.8, f4_hz=3200,
            f5_hz=4500, antiresonance_hz=4300,
        ),
    ),
    Person(
        "Greta_Winterbolt", "f",
        Face(
            FAIR, GREY, "bun", width=0.75, jaw=0.80, chin=0.38, eye_x=0.30, eye_h=0.075,
            iris=(90, 120, 110), brow_y=-0.23, brow_thick=0.035, brow_arch=0.05, nose_w=0.12,
            nose_y=0.43, mouth_w=0.23, lip_up=0.03, lip_low=0.05, glasses="cat",
            glasses_colour=(60, 44, 90), wrinkles=True, earrings=True, neck=0.33, accessory="band",
            pattern="checks",
        ),
        Voice(
            f0_hz=178, f0_range_st=2.4, formant_scale=1.06, breathiness=0.08, syllables_hz=4.0,
            tremor_st=0.6, nasality=0.5, f4_hz=3300, f5_hz=4800, antiresonance_hz=5200,
        ),
    ),
    Person(
        "Kasimir_Pebbleworth", "m",
        Face(
            FAIR, GREY, "bald", width=0.82, cheek=1.0, jaw=0.92, chin=0.56, ear=0.23, eye_x=0.30,
            eye_h=0.07, brow_y=-0.19, brow_thick=0.075, brow_arch=0.04, nose_w=0.18, nose_y=0.42,
            mouth_w=0.26, beard="moustache", wrinkles=True, neck=0.5, accessory="scarf",
            pattern="zigzag",
        ),
        Voice(
            f0_hz=115, f0_range_st=2.4, formant_scale=0.91, tilt_db_oct=2.5, breathiness=0.09,
            syllables_hz=3.7, tremor_st=0.5, creak=0.4, f4_hz=3500, f5_hz=4700,
            antiresonance_hz=4500,
        ),
    ),
    Person(
        "Anouk_Bramblewick", "f",
        Face(
            TAN, BROWN, "curls", width=0.77, jaw=0.82, chin=0.40, eye_x=0.33, eye_w=0.17,
            eye_h=0.095, iris=(96, 110, 60), brow_y=-0.2, brow_thick=0.065, nose_w=0.14,
            nose_y=0.36, mouth_w=0.3, lips=(186, 92, 84), freckles=True, lashes=True, neck=0.33,
            accessory="band", pattern="bars",
        ),
        Voice(
            f0_hz=198, f0_range_st=3.4, formant_scale=1.13, tilt_db_oct=5.5, breathiness=0.04,
            syllables_hz=5.6, nasality=0.8, f4_hz=3600, f5_hz=4300, antiresonance_hz=5800,
        ),
    ),
    Person(
        "Leif_Marrowby", "m",
        Face(
            TAN, SAND, "crop", width=0.74, cheek=0.98, jaw=0.88, chin=0.44, eye_x=0.28, eye_h=0.065,
            iris=(80, 110, 130), brow_y=-0.16, brow_thick=0.07, brow_tilt=0.015, brow_arch=0.02,
            nose_w=0.14, nose_y=0.44, mouth_w=0.25, beard="stubble", neck=0.46, accessory="band",
            pattern="dots",
        ),
        Voice(
            f0_hz=122, f0_range_st=1.4, formant_scale=0.98, tilt_db_oct=2.0, breathiness=0.14,
            syllables_hz=4.4, f4_hz=3700, f5_hz=4600, antiresonance_hz=5500,
        ),
    ),
    Person(
        "Cleo_Sandgrove", "f",
        Face(
            DEEP, BROWN, "wavy", width=0.75, jaw=0.76, chin=0.34, eye_x=0.32, eye_w=0.18,
            eye_h=0.09, eye_tilt=0.03, brow_y=-0.23, brow_arch=0.05, brow_thick=0.05, nose_w=0.14,
            nose_y=0.36, mouth_w=0.31, lip_up=0.055, lip_low=0.085, lips=(176, 60, 74), lashes=True,
            mole=(-0.3, 0.56), neck=0.31, accessory="band", pattern="hoops",
        ),
        Voice(
            f0_hz=165, f0_range_st=2.8, formant_scale=1.02, tilt_db_oct=3.5, breathiness=0.06,
            syllables_hz=4.8, f2_spread=0.85, creak=0.5, f4_hz=3100, f5_hz=4200,
            antiresonance_hz=4800,
        ),
    ),
)  # fmt: skip


def speaker_id(person: int) -> str:
    """Returns a VoxCeleb id: `id90001` for person 0. VoxCeleb1's ids are far lower."""
    return f"id{90001 + person}"
