"""Videos: the same moment of pictures and sound, whatever the container, and what is rejected."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import numpy as np
import pytest

from facevoice.features import (
    FeatureSettings,
    MediaError,
    probe_video,
    read_video_window,
)
from facevoice.features.video_frames import cell_edges, sample_frames
from tests.videos import (
    CODECS,
    COLOURS,
    SIZE,
    TONES_HZ,
    colour_at,
    extract_video_face,
    write_video,
)

RATE_HZ = 16000
SETTINGS = FeatureSettings(image_size=16, window_seconds=0.5, frames_per_second=4)


def colour_of(frame):
    return np.asarray(frame.image)[-2, -2]


def second_of(pixels):
    """The second that a colour stands for."""
    return int(np.abs(np.subtract(COLOURS, pixels)).sum(axis=1).argmin())


def tone_of(samples):
    return np.abs(np.fft.rfft(samples * np.hanning(len(samples)))).argmax() * RATE_HZ / len(samples)


def moment(path, start_seconds, settings=SETTINGS):
    """The seconds that the pictures and the sound of a window stand for, and the frames' times."""
    end = start_seconds + settings.window_seconds
    edges = cell_edges(start_seconds, end, settings.frames_per_second)
    frames = [frame for frame in sample_frames(path, edges) if frame is not None]
    sound = read_video_window(path, round(start_seconds * RATE_HZ), settings)
    hz = np.argmin(np.abs(np.subtract(TONES_HZ, tone_of(sound))))
    return {second_of(colour_of(frame)) for frame in frames}, int(hz), [f.seconds for f in frames]


def reason(function, *arguments):
    with pytest.raises(MediaError) as error:
        function(*arguments)
    return error.value.reason.value


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("videos")


@pytest.fixture(scope="module", params=sorted(CODECS.keys() - {".m4v"}))
def video(request, folder):
    return write_video(folder / f"plain{request.param}")


def test_pictures_and_sound_of_a_window_are_of_the_same_moment(video):
    for start in (3.25, 0.0, 1.25, 2.5):
        pictures, sound, times = moment(video, start)
        assert pictures == {sound} == {int(start)}
        assert all(start <= seconds < start + 0.5 for seconds in times)
        face = extract_video_face(video, start, SETTINGS)
        assert second_of(face.pixels[-2, -2]) == int(start)
        assert start <= face.seconds < start + 0.5


def test_a_window_is_the_same_from_a_path_and_from_memory(video):
    in_memory = io.BytesIO(video.read_bytes())
    for start in (2.5, 0.25):
        face = extract_video_face(in_memory, start, SETTINGS).pixels
        np.testing.assert_array_equal(face, extract_video_face(video, start, SETTINGS).pixels)
        samples = read_video_window(in_memory, round(start * RATE_HZ), SETTINGS)
        expected = read_video_window(video, round(start * RATE_HZ), SETTINGS)
        np.testing.assert_array_equal(samples, expected)


def test_the_header_gives_the_times_of_both_tracks(video):
    facts = probe_video(video)
    assert facts.sample_rate_hz == (48000 if video.suffix == ".webm" else RATE_HZ)
    assert facts.audio_start_seconds == facts.picture_start_seconds == 0
    assert facts.audio_end_seconds == pytest.approx(4, abs=0.07)  # whole blocks of the codec
    assert facts.picture_end_seconds == pytest.approx(4, abs=0.01)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_sound_track_that_starts_later_keeps_its_moments(suffix, tmp_path):
    path = write_video(tmp_path / f"late{suffix}", sound_seconds=(1.5, 4))
    assert probe_video(path).audio_start_seconds == pytest.approx(1.5, abs=0.07)
    for start in (1.5, 2.25, 3.25):
        pictures, sound, _ = moment(path, start)
        assert pictures == {sound} == {int(start)}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_pictures_that_start_later_keep_their_moments(suffix, tmp_path):
    times = np.arange(1.2, 4, 0.2).tolist()
    path = write_video(tmp_path / f"late{suffix}", times=times)
    for start in (1.25, 2.25, 3.25):
        pictures, sound, _ = moment(path, start)
        assert pictures == {sound} == {int(start)}
    assert reason(extract_video_face, path, 0.25, SETTINGS) == "no_video"


def test_a_variable_frame_rate_is_read_by_timestamps(tmp_path):
    times = [0, 0.04, 0.5, 0.52, 0.9, 1.4, 1.41, 2.0, 3.1, 3.12, 3.5]
    path = write_video(tmp_path / "variable.mkv", times=times)
    edges = cell_edges(0, 4, 4)
    shown = [frame.seconds for frame in sample_frames(path, edges)]
    expected = [max(time for time in times if time <= middle) for middle in edges[:-1] + 0.125]
    np.testing.assert_allclose(shown, expected, atol=1e-6)


def test_a_frame_that_is_shown_before_the_window_has_the_time_of_its_start(tmp_path):
    path = write_video(tmp_path / "still.mp4", times=[0, 3.8])
    assert moment(path, 2.0) == ({0}, 2, [2.0, 2.0])


def test_key_frames_are_used_where_each_cell_has_one(tmp_path):
    every_second = write_video(tmp_path / "sparse.mp4", frames_per_second=10, key_every=10)
    shown = [frame.seconds for frame in sample_frames(every_second, cell_edges(0.25, 3.25, 1))]
    np.testing.assert_allclose(shown, [1.0, 2.0, 3.0])
    shown = [frame.seconds for frame in sample_frames(every_second, cell_edges(0.25, 3.25, 2))]
    np.testing.assert_allclose(shown, [0.5, 1.0, 1.5, 2.0, 2.5, 3.0])  # not only key frames


@pytest.mark.parametrize(
    ("degrees", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))]
)
def test_pictures_are_turned_upright(degrees, corner, tmp_path):
    path = write_video(tmp_path / "turned.mp4", 0.4, rotation=degrees, sound_seconds=(0, 0.5))
    (frame,) = sample_frames(path, cell_edges(0, 0.4, 1))
    assert frame.image.size == (SIZE if degrees in (0, 180) else SIZE[::-1])
    assert np.asarray(frame.image)[corner].min() > 200  # the white corner, counterclockwise


def test_mirrored_pictures_are_mirrored_back(tmp_path):
    path = write_video(tmp_path / "mirrored.mp4", 0.4, rotation=180)
    matrix = struct.pack(">9i", -65536, 0, 0, 0, -65536, 0, 0, 0, 1 << 30)
    content = path.read_bytes()
    place = content.index(matrix[:32])
    mirror = struct.pack(">9i", -65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + mirror[:32] + content[place + 32 :])
    (frame,) = sample_frames(path, cell_edges(0, 0.4, 1))
    assert np.asarray(frame.image)[0, -1].min() > 200


@pytest.mark.parametrize(
    ("pixel_format", "picture", "matrix"),
    [
        ("yuv420p", {"colorspace": 1, "color_range": 1}, 1),
        ("yuv420p", {"colorspace": 5, "color_range": 1}, None),
        ("yuvj420p", {"colorspace": 5, "color_range": 2}, None),
        ("yuv444p", {}, None),
        ("yuv420p10le", {}, None),
    ],
)
def test_colours_are_right_for_any_matrix_range_and_depth(pixel_format, picture, matrix, tmp_path):
    path = write_video(
        tmp_path / "colours.mkv",
        3.0,
        frames_per_second=2,
        pixel_format=pixel_format,
        picture=picture,
        matrix=matrix,
    )
    for second, frame in enumerate(sample_frames(path, cell_edges(0, 3, 1))):
        np.testing.assert_allclose(colour_of(frame), COLOURS[second], atol=5)


def test_high_definition_is_in_the_colours_of_its_standard(tmp_path):
    path = write_video(
        tmp_path / "large.mkv",
        times=[0],
        picture_at=lambda _: np.full((720, 64, 3), COLOURS[0], np.uint8),
        matrix=1,
    )
    (frame,) = sample_frames(path, cell_edges(0, 1, 1))
    np.testing.assert_allclose(colour_of(frame), COLOURS[0], atol=5)


def test_high_dynamic_range_is_rejected(tmp_path):
    path = write_video(
        tmp_path / "bright.mkv", 0.4, pixel_format="yuv420p10le", picture={"color_trc": 16}
    )
    assert reason(extract_video_face, path, 0.0, SETTINGS) == "unreadable"


def test_pixels_become_square(tmp_path):
    path = write_video(tmp_path / "wide.mp4", 0.4, picture={"sample_aspect_ratio": Fraction(3, 2)})
    (frame,) = sample_frames(path, cell_edges(0, 0.4, 1))
    assert frame.image.size == (72, 32)


def test_of_several_sound_tracks_the_default_one_is_heard(tmp_path):
    for suffix in (".mp4", ".mkv"):
        path = write_video(tmp_path / f"several{suffix}", other_sounds=2)
        assert moment(path, 2.25)[:2] == ({2}, 2)


def test_gaps_in_the_sound_are_silent_and_move_nothing(tmp_path):
    codecs = ("libx264", "pcm_s16le")
    whole = write_video(tmp_path / "whole.mkv", codecs=codecs)
    path = write_video(tmp_path / "gap.mkv", codecs=codecs, sound_gap=(1.024, 2.048))
    samples = read_video_window(path, 2 * RATE_HZ, SETTINGS)
    expected = read_video_window(whole, 2 * RATE_HZ, SETTINGS)
    np.testing.assert_array_equal(samples[800:], expected[800:])
    assert not samples[:700].any()
    assert reason(read_video_window, path, round(1.25 * RATE_HZ), SETTINGS) == "silent"


def test_lengths_that_no_header_states_are_counted(tmp_path):
    live = write_video(tmp_path / "live.webm", 2.0, options={"live": "1"})
    facts = probe_video(live)
    assert facts.audio_end_seconds == pytest.approx(2, abs=0.03)
    assert facts.picture_end_seconds == pytest.approx(2, abs=0.03)
    assert moment(live, 1.25)[:2] == ({1}, 1)
    options = {"movflags": "frag_keyframe+empty_moov"}
    fragmented = write_video(tmp_path / "fragmented.mp4", 2.0, options=options)
    assert probe_video(fragmented).audio_end_seconds == pytest.approx(2, abs=0.07)
    assert moment(fragmented, 1.25)[:2] == ({1}, 1)


def test_videos_without_one_of_the_tracks_are_rejected(tmp_path):
    silent = write_video(tmp_path / "silent.mp4", 1.0, sound_at=None)
    assert reason(probe_video, silent) == "no_audio"
    sound = write_video(tmp_path / "sound.mp4", 1.0, picture_at=None)
    assert reason(probe_video, sound) == "no_video"


def test_broken_videos_are_rejected(video, tmp_path):
    content = video.read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "half").write_bytes(content[: len(content) // 2])
    assert reason(probe_video, tmp_path / "empty.mp4") == "unreadable"
    assert reason(probe_video, tmp_path / "text.mp4") == "unreadable"
    assert reason(probe_video, tmp_path / "missing.mp4") == "unreadable"
    assert reason(probe_video, tmp_path) == "unreadable"
    found = set()
    for function in (
        lambda: probe_video(tmp_path / "half"),
        lambda: extract_video_face(tmp_path / "half", 3.25, SETTINGS),
        lambda: read_video_window(tmp_path / "half", round(3.25 * RATE_HZ), SETTINGS),
    ):
        try:
            function()
        except MediaError as error:
            found.add(error.reason.value)
    assert found
    assert found <= {"unreadable", "no_video", "too_short"}


def test_two_videos_in_one_file_are_rejected(folder, tmp_path):
    content = (folder / "plain.mp4").read_bytes() if (folder / "plain.mp4").exists() else b""
    content = content or write_video(folder / "plain.mp4").read_bytes()
    (tmp_path / "joined.mp4").write_bytes(content + content)
    assert reason(probe_video, tmp_path / "joined.mp4") == "unreadable"


def test_nothing_is_printed_about_broken_videos(capfd, tmp_path, folder):
    content = bytearray(write_video(folder / "noise.mkv").read_bytes())
    for place in np.random.default_rng(0).integers(3000, len(content), 200):
        content[place] ^= 0x55
    (tmp_path / "noise.mkv").write_bytes(content)
    for start in (0.0, 1.0, 2.0):
        try:
            extract_video_face(tmp_path / "noise.mkv", start, SETTINGS)
            read_video_window(tmp_path / "noise.mkv", round(start * RATE_HZ), SETTINGS)
        except MediaError:
            pass
    assert capfd.readouterr() == ("", "")


def test_blank_pictures_and_silence_are_rejected(tmp_path):
    blank = write_video(
        tmp_path / "blank.mp4",
        1.0,
        picture_at=lambda _: np.full_like(colour_at(0), 90),
        sound_at=np.zeros_like,
    )
    assert reason(extract_video_face, blank, 0.0, SETTINGS) == "blank"
    assert reason(read_video_window, blank, 0, SETTINGS) == "silent"
