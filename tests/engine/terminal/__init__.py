"""Tests of the simulated MetaTrader 5."""
