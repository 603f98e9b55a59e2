"""The tests' own vocabulary covers the journal's."""

from __future__ import annotations

import pytest

from journal import codec
from journal.envelope import stamp
from journal.events import TYPES, Payload
from tests.given import a


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_there_is_a_typical_payload_of_every_type_and_it_can_be_journalled(
    kind: type[Payload],
) -> None:
    event = stamp(a(kind), seq=1, ts=1, run="r")
    assert codec.decode(codec.encode(event)) == event
