"""What the engine is measured against. A module imports its package when it is asked to run."""
