"""The append-only journal: events, canonical bytes, the chained store, SQL over it."""

from journal.frames import arrow, scan
from journal.reader import read
from journal.sql import connect as sql
from journal.subscribe import subscribe
from journal.verify import verify
from journal.writer import Limits, Writer

__all__ = ["Limits", "Writer", "arrow", "read", "scan", "sql", "subscribe", "verify"]
