"""Evaluation of the encoders of a dataset, recomputed from its examples by plain loops."""

from __future__ import annotations

import json
import math
from pathlib import PurePosixPath

import numpy as np
import pytest

from facevoice.commands import evaluate
from facevoice.evaluation.encoded import FACE, VOICE, Encoded, faces_of_videos
from tests.conftest import write_corpus
from tests.facevoice.gallery.encoders import FLAGS
from tests.html_pages import Page, check_accessible, check_self_contained
from tfdata import load_manifest
from tfdata.examples import read_examples

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def encoded(build, tmp_path_factory):
    """A dataset with embeddings of six people with four videos, women and men."""
    root = tmp_path_factory.mktemp("encoded")
    corpus = write_corpus(root / "corpus", people=6, videos=4, seconds=1.1)
    rows = corpus.meta.read_text().replace("\tf\t", "\tm\t").replace("\tm\t", "\tf\t", 3)
    corpus.meta.write_text(rows)
    flags = [*corpus.flags, f"--output={root / 'set'}", "--split_fractions=50,25,25", *FLAGS]
    assert build(*flags) == 0
    return corpus, root / "set"


@pytest.fixture(scope="module")
def trials(encoded, tmp_path_factory):
    """A list of the clips of the dataset."""
    clips = sorted({each.audio_source for each in examples_of(encoded[1], "train", "test")})
    path = tmp_path_factory.mktemp("list") / "trials.txt"
    path.write_text(
        "".join(
            f"{int(one.split('/')[0] == other.split('/')[0])} {one} {other}\n"
            for i, one in enumerate(clips)
            for other in clips[i + 1 :]
        )
    )
    return path


@pytest.fixture(scope="module")
def evaluation(encoded, trials, tmp_path_factory):
    output = tmp_path_factory.mktemp("evaluation") / "out"
    flags = [f"--data={encoded[1]}", f"--trials={trials}", f"--output={output}"]
    assert evaluate.main(["--encoders", "--cohort_top=15", *flags]) == 0
    return output


def examples_of(data_set, *splits):
    manifest = load_manifest(data_set)
    shards = [shard for split in splits for shard in manifest.splits[split].shards]
    return list(read_examples(data_set, manifest, shards))


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def unit(vector):
    return vector / math.sqrt(sum(float(x) ** 2 for x in vector))


def normalised(score, sides, people, cohort):
    """AS-norm of one score; the cohort is a list of (vector, person)."""
    total = 0.0
    for side in sides:
        scores = [float(side @ row) for row, person in cohort if person not in people]
        highest = sorted(scores, reverse=True)[:15]
        mean = sum(highest) / len(highest)
        std = math.sqrt(sum((x - mean) ** 2 for x in highest) / len(highest))
        total += (score - mean) / std / 2
    return total


def test_scores_of_face_voice_and_both_are_recomputed_by_plain_loops(encoded, evaluation):
    arrays = np.load(evaluation / "scores.npz")
    test, train = examples_of(encoded[1], "test"), examples_of(encoded[1], "train")
    vectors = {
        "face": [[each.embeddings.image for each in found] for found in (test, train)],
        "voice": [[each.embeddings.audio for each in found] for found in (test, train)],
    }
    people, others = ([each.identity for each in found] for found in (test, train))
    assert arrays["identities"].tolist() == people
    scaled = {}
    for system, (rows, cohort) in vectors.items():
        impostors = [
            float(a @ b)
            for i, a in enumerate(cohort)
            for j, b in enumerate(cohort[:i])
            if others[i] != others[j]
        ]
        mean, std = np.mean(impostors), np.std(impostors)
        for pair in range(0, len(arrays[f"{system}_pair_same"]), 5):
            i, j = (int(arrays[f"{system}_pair_{side}"][pair]) for side in ("first", "second"))
            score = float(rows[i] @ rows[j])
            assert arrays[f"{system}_pair_scores"][pair] == pytest.approx(score, abs=1e-5)
            labelled = list(zip(cohort, others, strict=True))
            expected = normalised(score, (rows[i], rows[j]), {people[i], people[j]}, labelled)
            assert arrays[f"{system}_pair_as_norm"][pair] == pytest.approx(expected, abs=1e-3)
            scaled.setdefault(pair, []).append(((score - mean) / std, expected))
    for pair, found in scaled.items():
        raw, norm = (sum(values) / math.sqrt(2) for values in zip(*found, strict=True))
        assert arrays["fusion_pair_scores"][pair] == pytest.approx(raw, abs=1e-3)
        assert arrays["fusion_pair_as_norm"][pair] == pytest.approx(norm, abs=2e-3)


def test_calibrated_scores_are_a_line_that_was_fitted_on_the_validation_split(encoded, evaluation):
    arrays, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)["systems"]
    for system in ("face", "voice", "fusion"):
        for kind, scores in (("score_calibration", "scores"), ("as_norm_calibration", "as_norm")):
            line = found[system][kind]
            expected = line["slope"] * arrays[f"{system}_pair_{scores}"] + line["intercept"]
            name = {"scores": "raw_llr", "as_norm": "as_norm_llr"}[scores]
            np.testing.assert_allclose(arrays[f"{system}_pair_{name}"], expected, rtol=1e-5)
    validation = examples_of(encoded[1], "validation")
    same = [
        a.identity == b.identity and a.session != b.session
        for i, a in enumerate(validation)
        for b in validation[:i]
        if a.identity != b.identity or a.session != b.session
    ]
    if not any(same):  # one video of each person
        same = [a.identity == b.identity for i, a in enumerate(validation) for b in validation[:i]]
    assert found["voice"]["score_calibration"]["same"] == sum(same)
    assert found["voice"]["score_calibration"]["different"] == len(same) - sum(same)


def test_conditions_divide_the_pairs(encoded, evaluation):
    arrays, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)["systems"]["voice"]
    meta = load_manifest(encoded[1]).people
    counts = {"same gender": [0, 0], "different gender": [0, 0], "gender f": [0, 0]}
    for i, j in zip(arrays["voice_pair_first"], arrays["voice_pair_second"], strict=True):
        one, other = (str(arrays["identities"][row]) for row in (i, j))
        genders = {meta[who].meta["gender"] for who in (one, other)}
        kind = int(one != other)
        counts["same gender"][kind] += len(genders) == 1
        counts["different gender"][kind] += one == other or len(genders) == 2
        counts["gender f"][kind] += genders == {"f"}
    for name, numbers in counts.items():
        assert [found["conditions"][name][kind] for kind in ("same", "different")] == numbers
    assert "same nationality" not in found["conditions"]  # all are from Nowhere
    assert "same id" not in found["conditions"]


def test_the_face_of_a_listed_clip_is_that_of_its_video(encoded, trials, evaluation):
    everything = examples_of(encoded[1], "train", "validation", "test")
    people = {f"id{10000 + i}": f"Person_{i}" for i in range(6)}

    def voice(file):
        rows = [each.embeddings.audio for each in everything if each.audio_source == file]
        return unit(np.mean(rows, axis=0))

    def face(file):
        code, video, _ = file.split("/")
        rows = {
            each.face_source: each.embeddings.image
            for each in everything
            if each.identity == people[code]
            and PurePosixPath(each.face_source).parent.name == video
        }
        return unit(np.mean([*rows.values()], axis=0))

    for system, embed in (("face", face), ("voice", voice)):
        lines = (evaluation / f"trial_scores_{system}.txt").read_text().splitlines()
        assert [line.split()[1:] for line in lines] == [
            line.split()[1:] for line in trials.read_text().splitlines()
        ]
        for line in lines[::40]:
            score, one, other = line.split()
            assert float(score) == pytest.approx(float(embed(one) @ embed(other)), abs=1e-5)
    found = metrics_of(evaluation)["trials"]
    assert found["unreadable"] == {}
    assert {name: each["left_out"] for name, each in found["systems"].items()} == {
        "face": 0,
        "voice": 0,
        "fusion": 0,
    }
    assert found["systems"]["voice"]["equal_error_rate_low"] is not None


def test_clips_without_a_face_are_left_out_of_face_and_fusion(encoded, trials, tmp_path):
    lines = trials.read_text().splitlines()
    data_set = encoded[1]
    clip = lines[0].split()[1]
    other = clip.replace("-video", "-other")
    flags = ["--encoders", f"--data={data_set}", f"--output={tmp_path / 'out'}"]
    (tmp_path / "list.txt").write_text("\n".join([*lines, f"1 {other} {clip}"]) + "\n")
    assert evaluate.main([*flags, f"--trials={tmp_path / 'list.txt'}"]) == 0
    found = metrics_of(tmp_path / "out")["trials"]
    assert found["unreadable"] == {other: "it is not in the dataset"}
    assert found["systems"]["face"]["left_out"] == found["systems"]["voice"]["left_out"] == 1


def test_the_page_is_accessible_and_has_all_systems(evaluation):
    html = (evaluation / "report.html").read_text()
    check_self_contained(html)
    page = Page(html)
    check_accessible(page)
    rows = {tuple(row[:2]): row[2:] for row in page.rows}
    found = metrics_of(evaluation)
    for system in ("face", "voice", "fusion"):
        rates = found["trials"]["systems"][system]
        assert rows[f"{system}, listed trials", "AS-norm"][0] == (
            f"{rates['as_norm']['equal_error_rate']:.2%}"
        )
        assert rows[f"{system}, listed trials", "raw"][-3] == f"{rates['min_cllr']:.3f}"
    assert any(name == "voice, listed, same gender" for name, _ in rows)
    assert not any(name == "voice, all pairs" for name, _ in rows)
    assert (
        "Error rates of voice, all pairs are not shown: they need at least 30 pairs of the same "
        "person, but there are 6."
    ) in page.text


def refused(arguments, capsys):
    capsys.readouterr()
    try:
        code = evaluate.main(arguments)
    except SystemExit as stopped:
        code = stopped.code
    error = capsys.readouterr().err
    assert code in (1, 2)
    assert "Traceback" not in error
    return error.splitlines()[-1]


def test_what_cannot_be_evaluated_is_one_line(encoded, trials, data_set, tmp_path, capsys):
    flags = ["--encoders", f"--data={encoded[1]}", f"--output={tmp_path / 'out'}"]
    assert "needs --data DIR" in refused(["--encoders"], capsys)
    assert "Give --run DIR, or --encoders" in refused([], capsys)
    assert "omit --run" in refused([*flags, "--run=x"], capsys)
    assert "omit --model" in refused([*flags, "--model=my:own"], capsys)
    assert "omit --skip_robustness" in refused([*flags, "--skip_robustness"], capsys)
    assert "use 0, or at least 10" in refused([*flags, "--cohort_top=9"], capsys)
    assert "--media needs --trials" in refused([*flags, f"--media={tmp_path}"], capsys)
    without = ["--encoders", f"--data={data_set}", f"--output={tmp_path / 'out'}"]
    assert "has no embeddings of faces and voices; build it again" in refused(without, capsys)
    listed = [*flags, f"--trials={trials}"]
    assert "if you trust it, name it with" in refused([*listed, f"--media={tmp_path}"], capsys)
    (tmp_path / "other.txt").write_text("1 id1/a/1.wav id1/b/2.wav\n0 id1/a/1.wav id2/c/1.wav\n")
    message = refused([*flags, f"--trials={tmp_path / 'other.txt'}"], capsys)
    assert "the first is id1/a/1.wav (it is not in the dataset); give the directory" in message
    assert not (tmp_path / "out").exists()


def test_without_a_cohort_scores_are_raw(encoded, tmp_path):
    flags = ["--encoders", f"--data={encoded[1]}", f"--output={tmp_path / 'out'}"]
    assert evaluate.main([*flags, "--cohort_top=0", "--split=validation"]) == 0
    found = metrics_of(tmp_path / "out")["systems"]["fusion"]
    assert found["cohort"] is found["score_calibration"] is found["all"]["as_norm"] is None
    assert found["all"]["cllr"] is None
    assert found["all"]["min_cllr"] <= 1


@pytest.mark.parametrize(("files", "expected"), [(["v.mp4", "v.mp4"], 0.5), (["a", "a"], 1.0)])
def test_moments_of_a_video_are_faces_of_their_own(files, expected):
    """The two records are of one file: an image, or a video with two faces."""
    embeddings = np.array([[1, 0], [0, 1]], np.float32)
    names, clips = np.array(["v", "v"]), np.array(["v.mp4", "v.mp4"])
    videos = {FACE: names, VOICE: names}
    encoded = Encoded({FACE: embeddings}, np.array(["p", "p"]), videos, clips, np.array(files))
    assert faces_of_videos(encoded)["p", "v"].tolist() == [expected, 1 - expected]
