"""What a comparison shows is a value that may be large, and is shown in short."""

from __future__ import annotations

from engine.audit import Audit
from journal.events import DiscrepancyFound
from tests.given import a


def test_the_text_of_an_audit_does_not_grow_with_what_it_found() -> None:
    found = [a(DiscrepancyFound, subject=str(number)) for number in range(10_000)]
    audit = Audit(since_msc=1, deals=20_000, orders=3, found=found, remaining=[], strangers=[])
    assert repr(audit) == "Audit(deals=20000, orders=3, found=10000, remaining=0)"
