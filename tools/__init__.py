"""What people run: the command `daybook`, set-up, checks, benchmarks and data."""
