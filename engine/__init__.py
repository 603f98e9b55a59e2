"""The deterministic kernel and the shell that connects it to the world."""
