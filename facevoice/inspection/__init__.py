"""Inspects datasets: shows examples and people, computes statistics and finds anomalies."""
