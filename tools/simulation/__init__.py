"""Whole sessions with seeded trouble at every boundary, and what must hold after each."""
