"""Galleries of enrolled people: identification without training."""
