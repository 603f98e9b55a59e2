"""The append-only journal: events, canonical bytes, the chained store, SQL over it."""

from journal.reader import read
from journal.sql import connect as sql
from journal.verify import verify
from journal.writer import Limits, Writer

__all__ = ["Limits", "Writer", "read", "sql", "verify"]
