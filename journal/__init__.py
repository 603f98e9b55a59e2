"""The append-only journal: events, canonical bytes, the chained store, SQL over it."""
