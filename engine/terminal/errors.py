"""What the simulated terminal raises to the person who sets it up.

A program that uses the module never sees these: like the real module it gets `None`, `False` and
`last_error()`.

    DaybookError
    ├── UsageError
    │   └── ConfigError
    │       └── ProfileError      a terminal profile is wrong
    └── BrokerError
        ├── MarketError           market data that cannot be traded on   also ValueError
        └── BookError             a book file that cannot be continued   also ValueError
"""

from __future__ import annotations

from journal.errors import BrokerError, ConfigError


class ProfileError(ConfigError):
    """A terminal profile is missing, misspelt or contradicts itself."""


class MarketError(BrokerError, ValueError):
    """Market data is empty, unsorted, of the wrong layout, or of a symbol the profile has not."""


class BookError(BrokerError, ValueError):
    """A book file belongs to another profile, market or seed, or is not a book."""
