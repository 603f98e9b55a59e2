"""Run the past again: verify, compare, explain."""
