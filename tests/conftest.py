"""What every test shares: a Hypothesis profile that draws the same examples on every run."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("daybook", derandomize=True, deadline=None, print_blob=True)
settings.load_profile("daybook")
