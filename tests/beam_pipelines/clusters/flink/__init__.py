"""Tests of builds on a Flink cluster on loopback."""
