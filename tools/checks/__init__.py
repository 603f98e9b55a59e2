"""Checks of the source that no ready-made linter does; run by `tools/dev.py check` and by tests."""
