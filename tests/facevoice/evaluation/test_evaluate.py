"""Tests of the evaluation command with a small trained model and untrained ones."""

from __future__ import annotations

import itertools
import json
import math
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from facevoice.commands import evaluate, train
from facevoice.evaluation.predictions import UNKNOWN, predict_splits
from facevoice.evaluation.runs import open_run
from facevoice.features import FeatureSettings, read_window, spectrogram
from models import EMBEDDING
from tests.conftest import write_clip, write_corpus
from tests.tools import all_figures, empty_split, error_line, read_records, untrained_run
from tfdata import load, load_manifest

pytestmark = pytest.mark.usefixtures("no_figures")


@pytest.fixture(scope="module")
def everybody(build, tmp_path_factory):
    """Eight people with four videos, women and men, and their corpus."""
    root = tmp_path_factory.mktemp("everybody")
    corpus = write_corpus(root / "corpus", people=8, videos=4, seconds=1.1)
    rows = corpus.meta.read_text().replace("\tf\t", "\tm\t").replace("\tm\t", "\tf\t", 3)
    corpus.meta.write_text(rows)
    assert build(*corpus.flags, f"--output={root / 'set'}", "--split_fractions=50,25,25") == 0
    return corpus, root / "set"


@pytest.fixture(scope="module")
def most(everybody, build, tmp_path_factory):
    """The dataset without two of them: Person_0, so that all numbers differ, and Person_7."""
    corpus, _ = everybody
    output = tmp_path_factory.mktemp("most") / "set"
    flags = [*corpus.flags, f"--output={output}", "--split_fractions=50,25,25"]
    assert build(*flags, "--exclude=Person_0,Person_7") == 0
    return output


@pytest.fixture(scope="module")
def run_dir(most, tmp_path_factory):
    """A run that `train.py` has finished; it knows six people."""
    output = tmp_path_factory.mktemp("runs") / "run"
    flags = ["--model=cnn_image", f"--data={most}", f"--output={output}", "--epochs=2"]
    assert train.main([*flags, "--batch_size=8"]) == 0
    return output


@pytest.fixture(scope="module")
def raw_run(everybody, tmp_path_factory):
    """Makes a run folder of any model that knows all eight, with the weights it begins with."""
    _, data_set = everybody

    def make(model):
        folder = tmp_path_factory.mktemp("raw") / model
        sizes = {
            "cnn_audio": {"pool_sizes": (2, 1)},
            "cnn_cnn": {"audio_pool_sizes": (2, 1)},
            "resnet_fusion": {"widths": (8, 8), "units": 16},
        }
        untrained_run(model, data_set, folder, **sizes.get(model, {}))
        return folder

    return make


@pytest.fixture(scope="module")
def audio_run(raw_run):
    return raw_run("cnn_audio")


@pytest.fixture(scope="module")
def evaluation(run_dir):
    """What `evaluate.py` leaves of the run's own test split."""
    with all_figures():
        assert evaluate.main([f"--run={run_dir}"]) == 0
    return run_dir / "evaluation-test"


def metrics_of(folder):
    return json.loads((folder / "metrics.json").read_text())


def test_an_evaluation_has_all_files(evaluation):
    assert {path.name for path in evaluation.iterdir()} == {
        "scores.npz",
        "metrics.json",
        "report.html",
        "confusion.png",
        "confused.png",
        "robustness.png",
        "reliability.png",
    }
    for path in evaluation.glob("*.png"):
        with Image.open(path) as picture:
            assert min(picture.size) > 300
            assert np.asarray(picture.convert("L")).std() > 5
    page = (evaluation / "report.html").read_text()
    assert "Person 3" in page
    assert "<script" not in page
    assert "http" not in page
    assert page.count("src=") == page.count('src="data:image/png;base64,') == 4


def test_top_k_is_recomputed_from_the_scores_by_plain_loops(evaluation):
    scores, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)
    sums, counts, labels = {}, {}, {}
    for label, row, who, video in zip(
        *(scores[name] for name in ("labels", "probabilities", "identities", "sessions")),
        strict=True,
    ):
        assert scores["classes"][label] == who
        for level, group in (("pairs", len(labels)), ("videos", (who, video))):
            total = sums.setdefault((level, group), [0.0] * len(row))
            sums[level, group] = [a + float(b) for a, b in zip(total, row, strict=True)]
            counts[level, group] = counts.get((level, group), 0) + 1
            labels[level, group] = label
    for level in ("pairs", "videos"):
        right = {1: 0, 5: 0}
        groups = [key for key in sums if key[0] == level]
        for key in groups:
            mean = [value / counts[key] for value in sums[key]]
            order = sorted(range(len(mean)), key=lambda i: -mean[i])
            for k in right:
                right[k] += labels[key] in order[:k]
        for k, count in right.items():
            top = found["identification"]["levels"][level][f"top_{k}"]
            assert (top["correct"], top["total"]) == (count, len(groups))
            assert top["share"] == count / len(groups)


def test_verification_is_recomputed_from_the_scores_by_plain_loops(evaluation):
    scores, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)["verification"]
    vectors = scores["embeddings"].astype(float)
    pairs = []
    for i, j, same, score in zip(
        *(scores[f"pair_{name}"] for name in ("first", "second", "same", "scores")), strict=True
    ):
        assert same == (scores["identities"][i] == scores["identities"][j])
        lengths = math.sqrt(sum(vectors[i] ** 2)) * math.sqrt(sum(vectors[j] ** 2))
        assert score == pytest.approx(sum(vectors[i] * vectors[j]) / lengths, abs=1e-5)
        pairs.append((bool(same), float(score)))
    n = len(vectors)
    assert len(pairs) == n * (n - 1) // 2 == found["pairs"]
    alike = [score for same, score in pairs if same]
    unlike = [score for same, score in pairs if not same]
    points = [(1.0, 0.0)]
    for threshold in sorted({score for _, score in pairs}, reverse=True):
        missed = sum(score < threshold for score in alike) / len(alike)
        points.append((missed, sum(score >= threshold for score in unlike) / len(unlike)))
    for (m1, a1), (m2, a2) in itertools.pairwise(points):
        if m2 <= a2:  # the line between the two meets the diagonal
            part = (m1 - a1) / ((m1 - a1) - (m2 - a2))
            assert found["all"]["equal_error_rate"] == pytest.approx(a1 + part * (a2 - a1))
            break
    for prior, cost in found["all"]["min_dcf"].items():
        costs = [m * float(prior) + a * (1 - float(prior)) for m, a in points]
        assert cost == pytest.approx(min(costs) / float(prior))
    for rate, missed in found["all"]["misses"].items():
        assert missed == pytest.approx(min(m for m, a in points if a <= float(rate)))


def test_normalised_scores_are_recomputed_with_the_training_split(evaluation, most, run_dir):
    """AS-norm by plain loops, and log-likelihood ratios by the line in the metrics."""
    scores, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)["verification"]
    training = predict_splits(open_run(run_dir), most, load_manifest(most), ["train"])

    def unit(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    cohort, tested = unit(training.embeddings), unit(scores["embeddings"])
    assert found["cohort"] == {"examples": len(cohort), "people": 6, "top": 300}
    for pair in range(0, len(scores["pair_same"]), 9):
        rows = [scores[f"pair_{side}"][pair] for side in ("first", "second")]
        others = ~np.isin(training.identities, scores["identities"][rows])
        parts = []
        for row in rows:
            highest = cohort[others] @ tested[row]
            parts.append((scores["pair_scores"][pair] - highest.mean()) / highest.std())
        assert scores["pair_as_norm"][pair] == pytest.approx(sum(parts) / 2, rel=1e-2, abs=1e-3)
    for kind, name in (("scores", "score_calibration"), ("as_norm", "as_norm_calibration")):
        line = found[name]
        expected = line["slope"] * scores[f"pair_{kind}"].astype(float) + line["intercept"]
        ratios = scores[{"scores": "pair_raw_llr", "as_norm": "pair_as_norm_llr"}[kind]]
        np.testing.assert_allclose(ratios, expected, rtol=1e-5, atol=1e-5)
        rates = found["all"] if kind == "scores" else found["all"]["as_norm"]
        costs = [
            math.log2(1 + math.exp(-ratio if same else ratio))
            for same, ratio in zip(scores["pair_same"], ratios, strict=True)
        ]
        means = [np.mean(np.array(costs)[scores["pair_same"] == kind]) for kind in (True, False)]
        assert rates["cllr"] == pytest.approx(sum(means) / 2)
        assert rates["min_cllr"] <= rates["cllr"]
    low, rate, high = (found["all"][f"equal_error_rate{end}"] for end in ("_low", "", "_high"))
    assert low <= rate <= high


def test_scores_match_the_metadata_of_their_records(evaluation, most, run_dir):
    scores = np.load(evaluation / "scores.npz")
    records = list(read_records(most, "test"))
    names = {"identities": "identity", "sessions": "session", "keys": "key"}
    for array, feature in (names | {"clips": "audio_source"}).items():
        assert scores[array].tolist() == [record[feature].decode() for record in records]
    starts = [record["window_start_samples"] for record in records]
    assert scores["window_starts"].tolist() == starts
    model = keras.models.load_model(run_dir / "model.keras")
    faces = np.concatenate([images.numpy() for images, _ in load(most, "test", "image")])
    assert scores["probabilities"] == pytest.approx(np.asarray(model(faces)), abs=1e-5)
    inner = keras.Model(model.input, model.get_layer(EMBEDDING).output)
    assert scores["embeddings"] == pytest.approx(np.asarray(inner(faces)), rel=1e-4, abs=1e-4)


def test_the_same_command_twice_gives_the_same_bytes(evaluation, run_dir):
    before = {path.name: path.read_bytes() for path in evaluation.iterdir()}
    with all_figures():
        assert evaluate.main([f"--run={run_dir}"]) == 0
    assert {path.name: path.read_bytes() for path in evaluation.iterdir()} == before


def test_people_are_matched_by_identity_and_unknown_people_are_excluded(
    everybody, evaluation, run_dir, tmp_path, capsys
):
    flags = [f"--run={run_dir}", f"--data={everybody[1]}", f"--output={tmp_path / 'out'}"]
    assert evaluate.main(flags) == 0
    own, scores = np.load(evaluation / "scores.npz"), np.load(tmp_path / "out" / "scores.npz")
    rows = {key: i for i, key in enumerate(scores["keys"].tolist())}
    found = [rows[key] for key in own["keys"].tolist() if key in rows]
    assert len(found) > 5
    for key, label in zip(own["keys"].tolist(), own["labels"], strict=True):
        if key in rows:
            assert scores["labels"][rows[key]] == label
    unknown_people = {who for who in scores["identities"].tolist() if who not in own["classes"]}
    assert unknown_people == {"Person_0", "Person_7"}
    unknown = scores["labels"] == UNKNOWN
    assert unknown.sum() == sum(who in unknown_people for who in scores["identities"].tolist()) > 0
    metrics = metrics_of(tmp_path / "out")
    assert (metrics["unknown_people"], metrics["unknown_pairs"]) == (2, unknown.sum())
    top = metrics["identification"]["levels"]["pairs"]["top_1"]
    assert top["total"] == metrics["pairs"] - unknown.sum()
    assert metrics["verification"]["people"] == 8
    assert metrics["verification"]["trained_people"] == 6
    printed = capsys.readouterr().out
    assert "2 people with" in printed
    assert "6 of the 8 people compared are in the training data" in printed
    assert "top 1, gender f" in printed


def test_pairs_of_videos_that_training_has_seen_are_counted(run_dir, most, tmp_path, capsys):
    assert evaluate.main([f"--run={run_dir}", "--split=train", f"--output={tmp_path / 'o'}"]) == 0
    pairs = load_manifest(most).splits["train"].pairs
    assert f"{pairs} of {pairs} pairs are from videos in the training data" in (
        capsys.readouterr().out
    )
    assert metrics_of(tmp_path / "o")["verification"]["across_videos"] is not None


def test_unknown_people_set_the_threshold_of_the_run(everybody, run_dir, tmp_path):
    flags = [f"--run={run_dir}", f"--output={tmp_path / 'out'}", f"--unknown={everybody[1]}"]
    assert evaluate.main([*flags, "--false_accept_rate=0.2"]) == 0
    scores, found = np.load(tmp_path / "out" / "scores.npz"), metrics_of(tmp_path / "out")
    threshold = json.loads((run_dir / "threshold.json").read_text())
    assert threshold["threshold"] == found["unknown"]["threshold"]
    assert threshold["false_accept_rate"] == 0.2
    people = load_manifest(everybody[1]).people
    unknown_people = [people["Person_0"], people["Person_7"]]
    assert len(scores["unknown_scores"]) == sum(sum(p.pairs.values()) for p in unknown_people)
    accepted = [score > threshold["threshold"] for score in scores["unknown_scores"].tolist()]
    assert sum(accepted) <= 0.2 * len(accepted)
    known = scores["probabilities"].max(axis=1).tolist()
    wins = sum((k > u) + (k == u) / 2 for k in known for u in scores["unknown_scores"].tolist())
    assert found["unknown"]["auroc"] == pytest.approx(wins / len(known) / len(accepted))


def test_listed_files_are_embedded_by_the_runs_own_preprocessing(audio_run, tmp_path, capsys):
    media = tmp_path / "media"
    for i, file in enumerate(("id10000/v/1.wav", "id10000/w/2.wav", "x/v/3.wav", "x/w/4.wav")):
        write_clip(media / file, seed=i, seconds=0.4 + i)
    (tmp_path / "trials.txt").write_text(
        "1 id10000/v/1.wav id10000/w/2.wav\n0 id10000/v/1.wav x/v/3.wav\n"
        "1 x/v/3.wav x/w/4.wav\n0 id10000/w/2.wav x/w/4.wav\n"
    )
    flags = [f"--run={audio_run}", f"--trials={tmp_path / 'trials.txt'}", f"--media={media}"]
    with all_figures():
        assert evaluate.main([*flags, f"--output={tmp_path / 'out'}"]) == 0
    assert "1 of the 2 people named in the trial list" in capsys.readouterr().out
    found = metrics_of(tmp_path / "out")["trials"]
    assert (found["trials"], found["left_out"], found["unreadable"]) == (4, 0, {})

    model = keras.models.load_model(audio_run / "model.keras")
    inner = keras.Model(model.input, model.get_layer(EMBEDDING).output)
    settings = FeatureSettings(**json.loads((audio_run / "dataset.json").read_text())["features"])

    def embedded(file, starts):
        levels = [spectrogram(read_window(media / file, s, settings), settings) for s in starts]
        vectors = np.asarray(inner(np.stack(levels)[..., None]))
        mean = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).mean(axis=0)
        return mean / np.linalg.norm(mean)

    # 0.4 s are less than a window of 0.5 s; of 1.4 s, five windows begin from 0 to 0.9 s.
    one = embedded("id10000/v/1.wav", [0])
    two = embedded("id10000/w/2.wav", [0, 3600, 7200, 10800, 14400])
    scores = np.load(tmp_path / "out" / "scores.npz")
    assert scores["trial_scores"][0] == pytest.approx(one @ two, abs=1e-5)
    assert scores["trial_same"].tolist() == [True, False, True, False]
    lines = (tmp_path / "out" / "trial_scores.txt").read_text().splitlines()
    assert [line.split()[1:] for line in lines] == [
        line.split()[1:] for line in (tmp_path / "trials.txt").read_text().splitlines()
    ]
    assert [np.float32(line.split()[0]) for line in lines] == pytest.approx(scores["trial_scores"])
    for kind in ("as_norm", "raw_llr", "as_norm_llr"):
        lines = (tmp_path / "out" / f"trial_scores_{kind}.txt").read_text().splitlines()
        found = [float(line.split()[0]) for line in lines]
        assert found == pytest.approx(scores[f"trial_{kind}"], rel=1e-6)
    assert not (tmp_path / "out" / "trials_det.png").exists()  # of two trials of one person


def test_what_is_unusual_in_a_list_of_trials_is_said(audio_run, tmp_path, capsys):
    for i in range(3):
        write_clip(tmp_path / f"media/id1000{i % 2}/v/{i}.wav", seed=i)
    a, b, c = (f"{tmp_path}/media/id1000{i % 2}/v/{i}.wav" for i in range(3))
    (tmp_path / "trials.txt").write_text(f"0 {a} {c}\n1 {a} {b}\n1 {b} {a}\n0 {b} {b}\n")
    flags = [f"--run={audio_run}", f"--trials={tmp_path / 'trials.txt'}", f"--media={tmp_path}"]
    flags += ["--skip_robustness", f"--output={tmp_path / 'out'}"]
    assert evaluate.main(flags) == 0
    printed = capsys.readouterr().out
    assert "2 of the 2 people named in the trial list are in the training data" in printed
    assert (
        "The trial list has 1 repeated trial (1 with the files exchanged) and 1 trial of a file "
        "with itself; all of them are counted."
    ) in printed
    assert (
        "The labels of 4 of 4 trials contradict the people in their paths; the labels seem to be "
        "inverted."
    ) in printed
    (tmp_path / "trials.txt").write_text(f"1 {a} {c}\n0 {a} {b}\n".replace("id1000", "p"))
    (tmp_path / "media/id10000").rename(tmp_path / "media/p0")
    (tmp_path / "media/id10001").rename(tmp_path / "media/p1")
    assert evaluate.main(flags) == 0
    printed = capsys.readouterr().out
    assert "It is not known whether people in the trial list are in the training data" in printed
    assert "The trial list has" not in printed
    assert metrics_of(tmp_path / "out")["trials"]["trained_people"] is None


def test_a_listed_file_that_cannot_be_used_is_counted_and_reported(audio_run, tmp_path, capsys):
    lines = []
    for i in range(22):
        write_clip(tmp_path / f"p{i % 2}/v/{i}.wav", seed=i)
        lines.append(f"{1 - i % 2} p0/v/0.wav p{i % 2}/v/{i}.wav")
    (tmp_path / "p1/v/3.wav").write_text("no sound")
    (tmp_path / "trials.txt").write_text("\n".join(lines))
    flags = [f"--run={audio_run}", f"--trials={tmp_path / 'trials.txt'}", f"--media={tmp_path}"]
    flags += [f"--output={tmp_path / 'out'}"]
    assert evaluate.main(flags) == 0
    found = metrics_of(tmp_path / "out")["trials"]
    assert list(found["unreadable"]) == ["p1/v/3.wav"]
    assert found["left_out"] == 1
    assert 4 not in np.load(tmp_path / "out" / "scores.npz")["trial_lines"]
    assert "1 listed file of 22 could not be used (the first is p1/v/3.wav" in (
        capsys.readouterr().out
    )
    (tmp_path / "p1/v/5.wav").unlink()
    assert evaluate.main(flags) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: 2 of 22 files in the trials cannot be used")
    assert error.count("\n") == 1


def test_models_of_pairs_are_evaluated_with_a_missing_modality(
    raw_run, everybody, tmp_path, capsys
):
    folder = raw_run("cnn_cnn")
    assert evaluate.main([f"--run={folder}"]) == 0
    levels = metrics_of(folder / "evaluation-test")["identification"]["levels"]
    assert list(levels) == ["pairs", "clips", "videos"]
    assert set(levels["pairs"]) == {"top_1", "top_5"}
    assert levels["clips"]["top_1"]["total"] <= levels["pairs"]["top_1"]["total"]

    run, data_set = open_run(folder), everybody[1]

    def no_voice(key, medium, array):
        return array if medium == "image" else np.zeros_like(array)

    found = predict_splits(run, data_set, load_manifest(data_set), ["test"], transform=no_voice)
    model = keras.models.load_model(folder / "model.keras")
    (inputs, _), *_ = load(data_set, "test", "pair")
    silence = np.zeros_like(inputs["spectrogram"])
    expected = model.predict_on_batch({"image": inputs["image"], "spectrogram": silence})
    assert found.probabilities[: len(expected)] == pytest.approx(expected, abs=1e-5)
    missing = {
        each["medium"]: each["top_1"]["correct"]
        for each in metrics_of(folder / "evaluation-test")["robustness"]
        if each["kind"] == "missing"
    }
    assert missing["spectrogram"] == (found.probabilities.argmax(axis=1) == found.labels).sum()
    assert missing.keys() == {"image", "spectrogram"}

    trials = tmp_path / "trials.txt"
    trials.write_text("1 a b\n0 a c\n")
    assert evaluate.main([f"--run={folder}", f"--trials={trials}", f"--media={tmp_path}"]) == 1
    assert "a face and a voice" in capsys.readouterr().err


@pytest.mark.slow
def test_a_product_of_experts_is_analysed(raw_run, tmp_path, capsys):
    folder = raw_run("resnet_fusion")
    with all_figures():
        assert evaluate.main([f"--run={folder}", f"--output={tmp_path / 'out'}"]) == 0
    printed = capsys.readouterr().out
    assert "both experts are correct on" in printed
    assert "minus face alone" in printed
    metrics, scores = metrics_of(tmp_path / "out"), np.load(tmp_path / "out" / "scores.npz")
    right = scores["probabilities"].argmax(axis=1) == scores["labels"]
    assert ((scores["face_margin"] + scores["voice_margin"] > 0) == right).all()
    assert metrics["weighing"]["right"] == right.sum()
    assert (tmp_path / "out" / "weighing.png").is_file()


def test_robustness_can_be_skipped(raw_run, tmp_path):
    flags = [f"--run={raw_run('linear_image')}", f"--output={tmp_path / 'out'}"]
    assert evaluate.main([*flags, "--skip_robustness"]) == 0
    assert "robustness" not in metrics_of(tmp_path / "out")
    assert not (tmp_path / "out" / "robustness.png").exists()


def test_confusions_have_a_mistake_and_a_correct_example(evaluation):
    scores, found = np.load(evaluation / "scores.npz"), metrics_of(evaluation)["confused"]
    rows = {key: i for i, key in enumerate(scores["keys"].tolist())}
    named = scores["classes"][scores["probabilities"].argmax(axis=1)]
    assert found
    for each in found:
        mistaken, beside = rows[each["mistaken"]], rows[each["beside"]]
        assert (scores["identities"][mistaken], named[mistaken]) == (each["person"], each["named"])
        assert scores["identities"][beside] == each["named"]
        mistakes = (scores["identities"] == each["person"]) & (named == each["named"])
        assert mistakes.sum() == each["pairs"]


def test_two_models_are_compared_on_the_same_pairs(raw_run, audio_run, tmp_path):
    other = raw_run("linear_image")
    flags = [f"--run={audio_run}", f"--compare={other}", f"--output={tmp_path / 'out'}"]
    assert evaluate.main(flags) == 0
    scores, found = np.load(tmp_path / "out" / "scores.npz"), metrics_of(tmp_path / "out")
    right = scores["probabilities"].argmax(axis=1) == scores["labels"]
    assert (scores["right"] == right).all()
    gain = right.mean() - scores["other_right"].mean()
    assert found["comparison"]["difference"] == pytest.approx(gain)
    assert found["comparison"]["with"] == "linear_image"


def test_a_missing_run_to_compare_with_is_named_by_its_flag(run_dir, tmp_path, capsys):
    assert evaluate.main([f"--run={run_dir}", f"--compare={tmp_path / 'none'}"]) == 1
    assert f"error: --compare {tmp_path / 'none'} does not exist" in capsys.readouterr().err


def test_models_of_different_people_are_not_compared(run_dir, audio_run, everybody, capsys):
    flags = [f"--run={run_dir}", f"--compare={audio_run}", f"--data={everybody[1]}"]
    assert evaluate.main([*flags, f"--output={audio_run / 'other'}"]) == 1
    assert "were trained on different people" in capsys.readouterr().err


def test_a_dataset_of_unknown_people_is_verified_but_not_identified(
    run_dir, everybody, build, tmp_path, capsys
):
    corpus, _ = everybody
    known = ",".join(f"Person_{i}" for i in range(1, 7))
    data = tmp_path / "set"
    assert build(*corpus.flags, f"--output={data}", f"--exclude={known}") == 0
    flags = [f"--run={run_dir}", f"--data={data}", f"--output={tmp_path / 'out'}"]
    assert evaluate.main([*flags, "--split=train"]) == 0
    metrics = metrics_of(tmp_path / "out")
    assert metrics["identification"] is None
    assert metrics["verification"]["trained_people"] == 0
    assert "None of the 2 people compared are in the training data." in capsys.readouterr().out
    assert evaluate.main([*flags, "--split=train", f"--unknown={data}"]) == 1
    assert "was trained on none of the people of --data" in capsys.readouterr().err


def broken(run_dir, folder, name, content):
    shutil.copytree(run_dir, folder, ignore=shutil.ignore_patterns("evaluation-*"))
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("metrics.json", None, "is not a finished run, because it has no metrics.json"),
        ("settings.json", "{", "is damaged"),
        ("settings.json", '{"model": "cnn_smell", "data": "d"}', "a model 'cnn_smell'"),
        ("dataset.json", "[]", "is damaged"),
        ("model.keras", "weights", "model.keras of"),
    ],
)
def test_a_run_that_cannot_be_opened_is_a_one_line_error(
    run_dir, tmp_path, capsys, name, content, words
):
    folder = broken(run_dir, tmp_path / "run", name, content)
    assert evaluate.main([f"--run={folder}"]) == 1
    assert words in error_line(capsys)


def changed(data_set, folder, change):
    """A copy of a dataset whose manifest says something else."""
    shutil.copytree(data_set, folder)
    manifest = json.loads((folder / "dataset.json").read_text())
    change(manifest)
    (folder / "dataset.json").write_text(json.dumps(manifest))
    return folder


def test_other_errors_are_one_line(run_dir, most, tmp_path, capsys):
    bent = changed(most, tmp_path / "bent", lambda m: m["features"].update(image_size=20))
    narrow = changed(most, tmp_path / "narrow", lambda m: empty_split(m, "test"))
    damaged = changed(most, tmp_path / "damaged", lambda m: None)
    shard = next(damaged.glob("test-*"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("dear")
    for flags, words in [
        ([f"--run={tmp_path / 'none'}"], "does not exist"),
        ([f"--run={run_dir}", f"--data={tmp_path / 'none'}"], "does not exist"),
        ([f"--run={run_dir}", f"--data={bent}"], "image_size 20 instead of 16"),
        ([f"--run={run_dir}", f"--data={narrow}"], "has no test pairs"),
        ([f"--run={run_dir}", f"--data={damaged}"], "is damaged in record"),
        ([f"--run={run_dir}", f"--unknown={most}"], "has no unknown people"),
        ([f"--run={run_dir}", f"--output={tmp_path / 'full'}"], "contains letter.txt"),
        ([f"--run={run_dir}", "--trials=no.txt", f"--media={tmp_path}"], "no.txt"),
    ]:
        assert evaluate.main(flags) == 1
        assert words in error_line(capsys)
    assert (tmp_path / "full" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "--run"),
        (["--run=r", "--splits=test"], "did you mean --split?"),
        (["--run=r", "--split=exam"], "exam"),
        (["--run=r", "--trials=t"], "--media"),
        (["--run=r", "--false_accept_rate=0.1"], "--unknown"),
        (["--run=r", "--unknown=u", "--false_accept_rate=2"], "from 0 to 1"),
    ],
)
def test_wrong_flags_are_one_line(capsys, flags, words):
    with pytest.raises(SystemExit) as stop:
        evaluate.main(flags)
    assert stop.value.code == 2
    assert words in error_line(capsys)
