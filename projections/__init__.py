"""Pure folds from events to state."""
