"""A journal against a plain list, in whatever order Hypothesis thinks of; and fuzzed input."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from journal import Limits, Writer, read, tail
from journal.codec import decode, encode
from journal.envelope import AnyEvent
from journal.errors import InvalidEvent, JournalCorrupt, UndecodableEvent
from journal.reader import lines
from journal.seal import SealLimits, seal
from journal.simfs import SimFs
from journal.subscribe import Subscription
from tests.journal.builders import RUN, bar, event, grow, only_tail

DIRECTORY = Path("journal")


class JournalAgainstList(RuleBasedStateMachine):
    """The list is what the journal should hold; `durable` of its events may not be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.fs = SimFs(seed=1)
        self.model: list[AnyEvent] = []
        self.durable = 0
        self.now = 0
        self.writer = self.opened()
        self.subscription = Subscription(DIRECTORY, fs=self.fs)
        self.followed: list[AnyEvent] = []

    def opened(self) -> Writer:
        limits = Limits(batch=6, file_events=9, room=1000)
        return Writer.open(DIRECTORY, run=RUN, fs=self.fs, limits=limits, clock=lambda: 0)

    @rule(count=st.integers(1, 8))
    def append(self, count: int) -> None:
        for _ in range(count):
            added = event(len(self.model) + 1)
            self.model.append(added)
            self.writer.append(added)

    @rule()
    def commit(self) -> None:
        self.writer.commit()
        assert self.writer.durable_seq == len(self.model)

    @rule()
    def close_and_open(self) -> None:
        self.writer.close()
        self.writer = self.opened()
        assert self.writer.next_seq == len(self.model) + 1

    @rule(power_lost=st.booleans())
    def die_and_open(self, power_lost: bool) -> None:
        durable = self.writer.durable_seq
        self.fs.restart(power_lost=power_lost)
        self.writer = self.opened()
        kept = self.writer.next_seq - 1
        assert durable <= kept <= len(self.model)
        del self.model[kept:]
        if len(self.followed) > kept:  # it had seen what was not durable
            del self.followed[kept:]
        self.subscription = Subscription(DIRECTORY, after=len(self.followed), fs=self.fs)

    @rule(minutes=st.integers(0, 3))
    def seal(self, minutes: int) -> None:
        self.now += minutes * 60_000_000_000
        seal(DIRECTORY, fs=self.fs, limits=SealLimits(events=9), now=lambda: self.now)

    @rule()
    def follow(self) -> None:
        self.followed += self.subscription.poll()
        assert self.followed == self.model[: len(self.followed)]

    @precondition(lambda self: self.model)
    @rule(data=st.data(), verify=st.booleans())
    def read_a_range(self, data: st.DataObject, verify: bool) -> None:
        last = self.writer.durable_seq
        after = data.draw(st.integers(0, last))
        until = data.draw(st.integers(after, last))
        found = list(read(DIRECTORY, after=after, until=until, verify=verify, fs=self.fs))
        assert found == self.model[after:until]

    @invariant()
    def head_and_sequence_fit(self) -> None:
        assert self.writer.next_seq == len(self.model) + 1
        last = [h for _, _, h in lines(DIRECTORY, after=self.writer.durable_seq - 1, fs=self.fs)]
        if self.writer.durable_seq == len(self.model) and last:
            assert last[-1] == self.writer.head


JournalAgainstList.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestJournalAgainstList = JournalAgainstList.TestCase


@given(st.binary(max_size=300))
def test_no_bytes_make_the_decoder_fail_in_another_way(data: bytes) -> None:
    with pytest.raises(UndecodableEvent):
        decode(data)


@given(st.data())
def test_a_mutated_event_is_decoded_or_refused(data: st.DataObject) -> None:
    body = bytearray(encode(event(7)))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(body))
    except UndecodableEvent:
        return
    assert isinstance(decoded.data, type(bar(1)))


@given(st.binary(max_size=400), st.binary(max_size=60))
def test_no_bytes_make_a_scan_fail_or_believe(data: bytes, more: bytes) -> None:
    scan = tail.Scan(data)
    assert list(scan.blocks()) == []
    assert scan.bad is not None
    scan = tail.Scan.going_on(data + more, 5, b"0" * 32)
    assert list(scan.blocks()) == []
    assert scan.bad is not None or not (data + more).strip(b"\n")


@settings(max_examples=60)
@given(data=st.data())
def test_garbage_over_a_tail_file_is_never_read_as_events(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    grow(directory, 12, batch=3)
    path = only_tail(directory)
    raw = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(raw) - 1))
    junk = data.draw(st.binary(min_size=1, max_size=400))
    raw[start : start + len(junk)] = junk
    path.write_bytes(raw)
    try:
        found = list(read(directory))
    except JournalCorrupt:
        return
    assert found == [event(seq) for seq in range(1, len(found) + 1)]


@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=40),
)
def test_values_survive_their_bytes_or_are_refused(price: float, number: int, text: str) -> None:
    payload = msgspec.structs.replace(bar(1), close=price, time=number, symbol=text)
    sent = msgspec.structs.replace(event(1), data=payload)
    try:
        body = encode(sent)
    except InvalidEvent:
        return
    assert decode(body) == sent
    assert encode(decode(body)) == body
