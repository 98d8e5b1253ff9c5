"""Figures, texts and HTML pages from arrays and metrics; reads no files and runs no models."""
