"""Where prices come from besides a live terminal."""
