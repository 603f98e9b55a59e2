"""Benchmarks: what the engine reaches beside what else could be used, measured in the same run."""
