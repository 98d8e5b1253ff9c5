"""Evaluation: predictions of trained models, and metrics computed from them."""
