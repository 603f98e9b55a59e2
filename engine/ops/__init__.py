"""What keeps the engine observable and operable; nothing here takes part in a decision."""
