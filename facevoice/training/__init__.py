"""Training: fits a model to a dataset and writes a run directory."""
