"""Metrics of runs and evaluations for tests, as in `metrics.json`."""

from __future__ import annotations

PNG = b"\x89PNG"
SHARE = {"correct": 3, "total": 4, "share": 0.75, "low": 0.3, "high": 0.95}
AGAINST = {
    "only_first": 2,
    "only_second": 1,
    "difference": 0.25,
    "low": -0.1,
    "high": 0.5,
    "p_value": 0.5,
}
RATES = {
    "same": 40,
    "different": 30,
    "equal_error_rate": 0.125,
    "threshold": 0.5,
    "min_dcf": {"0.01": 0.9},
    "misses": {"0.1": 0.2},
}


def condition(kind, medium="", amount=0.0, against=None):
    return {
        "kind": kind,
        "medium": medium,
        "amount": amount,
        "top_1": SHARE,
        "against_other": against,
    }


ROBUSTNESS = [
    condition("intact"),
    condition("missing", "image"),
    condition("missing", "spectrogram"),
    condition("noise", "spectrogram", 20.0, AGAINST),
    condition("blur", "image", 0.02, AGAINST),
    condition("cover", "image", 0.25, AGAINST),
]
WEIGHING = {
    "weights": {"alone": {"face": 4, "voice": 5}, "together": {"face": 2, "voice": 3.04}},
    "examples": 9,
    "right": 6,
    "both": 3,
    "only_face": 2,
    "only_voice": 1,
    "saved": 1,
    "lost": 1,
}


def run_metrics(**changes):
    test = {"accuracy": 0.5, "correct": 30, "pairs": 60, "low": 0.4, "high": 0.6}
    return {
        "model": "cnn_image",
        "test": test | {"by_person": {"Ann": 0.5}, "pairs_by_person": {"Ann": 60}},
        "validation": test,
        "chance": 0.5,
        "people": 2,
        "train": test | {"accuracy": 0.9, "pairs": 400},
        "parameters": 10,
        "epochs": 3,
        "best_epoch": 2,
        "seconds": 1.0,
        **changes,
    }


def evaluation_metrics(**changes):
    """Metrics of an evaluation with every optional part."""
    return {
        "run": "runs/resnet_fusion",
        "model": "resnet_fusion",
        "data": "data/sample",
        "split": "test",
        "pairs": 60,
        "pairs_of_seen_videos": 5,
        "unknown_people": 2,
        "unknown_pairs": 7,
        "identification": {
            "chance": 0.1,
            "levels": {"pairs": {"top_1": SHARE, "top_5": SHARE}, "videos": {"top_1": SHARE}},
            "calibration": {
                "error": 0.031,
                "counts": [1, 0, 3],
                "confidence": [0.1, 0, 0.9],
                "accuracy": [0, 0, 1],
            },
            "by_person": {"Ann_B": SHARE, "Bob": SHARE},
            "by_meta": {"gender": {"f": SHARE, "m": SHARE}, "nationality": {"UK": SHARE}},
            "confusions": [{"person": "Ann_B", "named": "Bob", "pairs": 2}],
        },
        "verification": {
            "people": 8,
            "trained_people": 6,
            "possible_pairs": 100,
            "pairs": 40,
            "all": RATES,
            "across_videos": RATES | {"same": 35},
        },
        "confused": [],
        "weighing": WEIGHING,
        "robustness": ROBUSTNESS,
        "comparison": {"with": "cnn_audio", "run": "runs/cnn_audio", **AGAINST},
        "trials": {
            "trials": 50,
            "left_out": 3,
            "files": 20,
            "unreadable": {"a.wav": "silent"},
            "windows_passed_over": 2,
            "people": 5,
            "trained_people": 0,
            **RATES,
        },
        "unknown": {
            "people": 2,
            "auroc": 0.875,
            "false_accept_rate": 0.05,
            "threshold": 0.6,
            "false_accepts": SHARE,
            "held_out": SHARE,
            "accepted": SHARE,
            "identified": SHARE,
        },
        **changes,
    }
