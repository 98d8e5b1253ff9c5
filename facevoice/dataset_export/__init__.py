"""Writes datasets in formats of other frameworks."""
