"""Tests of builds on clusters on loopback: Flink and Spark."""
