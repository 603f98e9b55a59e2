"""When to look at the broker again, and when a difference that was seen is one. It reads no clock:
times are nanoseconds UTC that the caller has."""

from __future__ import annotations

from collections.abc import Collection, Hashable

from engine.config import Reconcile

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
"""What lies at least between two steps of a market of bars."""


class Pace:
    """The time of the next look and of the next whole comparison.

    A clock that is set back makes both due at once.
    """

    def __init__(self, settings: Reconcile) -> None:
        self._settings = settings
        self._fast, self._slow = _ns(settings.fast_s), _ns(settings.slow_s)
        self._looked = self._next = self._compared = self._compare = 0
        self._failed = 0

    def rests(self, now: int) -> bool:
        """Tell whether it is too early to look, whatever is going on."""
        return self._looked <= now < self._next

    def whole(self, now: int) -> bool:
        """Tell whether a whole comparison is due."""
        return not self._compared <= now < self._compare

    def looked(self, now: int) -> int:
        """A look was taken. Return until when further ones show nothing new, as long as nothing
        happens at the broker: the next whole comparison, 0 where looks are so seldom that each
        counts."""
        self._looked, self._next = now, now + self._fast
        self._failed = 0
        return self._compare if self._fast <= MINUTE else 0

    def compared(self, now: int) -> None:
        """Everything was compared."""
        self._compared, self._compare = now, now + self._slow

    def failed(self, now: int) -> bool:
        """A reading failed: look later, and each time twice as much later. Tell whether it has
        failed too often."""
        self._failed += 1
        wait = min(_ns(self._settings.longest_s), self._fast << min(self._failed, 32))
        self._looked, self._next = now, now + wait
        return self._failed >= self._settings.failures


class Doubts:
    """Differences that were seen, and may be no more than lists that lag.

    seen  each with when it was seen first, and how often
    """

    def __init__(self, readings: int, grace_s: float) -> None:
        """Take how often, and for how many seconds at least, a difference must be seen."""
        self._readings, self._grace = readings, _ns(grace_s)
        self.seen: dict[Hashable, tuple[int, int]] = {}

    def ripe(self, found: Collection[Hashable], now: int) -> bool:
        """Take in what one more reading shows; tell whether all of it has been seen often and long
        enough. What is not seen any more is forgotten."""
        self.seen = {
            one: (first, count + 1)
            for one in found
            for first, count in [self.seen.get(one, (now, 0))]
        }
        return all(
            count >= self._readings and not first <= now < first + self._grace
            for first, count in self.seen.values()
        )

    def clear(self) -> None:
        """Forget all."""
        self.seen.clear()


def _ns(seconds: float) -> int:
    return int(seconds * SECOND)
