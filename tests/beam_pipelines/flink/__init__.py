"""A real Flink cluster on loopback, and the build on it."""
