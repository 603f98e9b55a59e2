from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from journal import Limits, Writer
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt
from journal.seal import GRACE_NS, SealLimits, seal
from journal.subscribe import Subscription, asubscribe, subscribe
from tests.journal.builders import RUN, event, events, grow, lines_of

LIMITS = Limits(batch=1, file_events=5)


def seal_all(directory: Path) -> None:
    """Seal every finished file, and remove those files at once."""
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=1), now=lambda now=now: now)  # type: ignore[misc]


def test_from_sealed_to_tail_to_live_without_gap_or_duplicate(tmp_path: Path) -> None:
    writer = grow(tmp_path, 12, limits=LIMITS, close=False)
    seal_all(tmp_path)
    seen: list[AnyEvent] = []
    subscription = Subscription(tmp_path)
    for seq in range(13, 40):
        seen += subscription.poll()
        writer.append(event(seq))
        if seq % 7 == 0:
            seal_all(tmp_path)
    seen += subscription.poll()
    assert seen == events(39)
    assert subscription.position == 39
    writer.close()


def test_files_sealed_and_removed_in_the_middle_of_a_poll_are_no_gap(tmp_path: Path) -> None:
    grow(tmp_path, 23, limits=LIMITS)
    subscription = Subscription(tmp_path)
    seen = []
    for found in subscription.poll():
        seen.append(found)
        if found.seq == 7:
            seal_all(tmp_path)
    assert seen == events(23)


def test_a_subscription_goes_on_where_another_stood(tmp_path: Path) -> None:
    writer = grow(tmp_path, 7, limits=LIMITS, close=False)
    first = Subscription(tmp_path)
    assert len(list(first.poll())) == 7
    writer.append(event(8))
    assert list(Subscription(tmp_path, after=first.position).poll()) == [event(8)]
    writer.close()


def test_a_poll_reads_only_what_was_appended(tmp_path: Path) -> None:
    writer = grow(tmp_path, 300, limits=Limits(batch=300), close=False)
    subscription = Subscription(tmp_path)
    list(subscription.poll())
    path = next((tmp_path / "tail").iterdir())
    data = path.read_bytes()
    path.write_bytes(b"\0" * len(data))  # what was checked once is not looked at again
    writer.append(event(301))
    writer.commit()
    assert list(subscription.poll()) == [event(301)]
    writer.close()


def test_nothing_that_is_not_durable_is_seen_when_durability_is_asked_for(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, close=False)
    durable = [2]
    subscription = Subscription(tmp_path, durable=lambda: durable[0])
    assert list(subscription.poll()) == events(2)
    assert list(subscription.poll()) == []
    durable[0] = writer.durable_seq
    assert list(subscription.poll()) == [event(3)]
    writer.close()


@pytest.mark.parametrize("room", [b"", b"\n" * 1000])
def test_a_half_written_line_is_seen_once_it_is_whole(tmp_path: Path, room: bytes) -> None:
    writer = grow(tmp_path, 2, limits=LIMITS, close=False)
    path = next((tmp_path / "tail").iterdir())
    data = lines_of(path)
    start = data.rindex(b"\n ") + 1
    subscription = Subscription(tmp_path)
    seen = []
    for size in (start, start + 1, start + 50, len(data) - 2, len(data)):
        path.write_bytes(data[:size] + room)
        seen.append([e.seq for e in subscription.poll()])
    assert seen == [[1], [], [], [], [2]]
    writer.close()


def test_a_recovery_under_a_subscription_is_no_gap(tmp_path: Path) -> None:
    writer = grow(tmp_path, 4, limits=LIMITS, close=False)
    subscription = Subscription(tmp_path)
    path = next((tmp_path / "tail").iterdir())
    path.write_bytes(lines_of(path) + b' {"seq":5,"torn' + b"\n" * 1000)
    writer._release()  # as if its process had died
    assert list(subscription.poll()) == events(4)
    with Writer.open(tmp_path, run=RUN) as after:
        after.append(event(5))
        after.commit()
        assert list(subscription.poll()) == [event(5)]


def test_rot_is_raised(tmp_path: Path) -> None:
    grow(tmp_path, 4, limits=LIMITS)
    path = next((tmp_path / "tail").iterdir())
    path.write_bytes(path.read_bytes().replace(b'"spread":7', b'"spread":8', 1))
    with pytest.raises(JournalCorrupt):
        list(Subscription(tmp_path).poll())


def test_subscribe_waits_for_news_and_ends_when_told(tmp_path: Path) -> None:
    writer = grow(tmp_path, 2, limits=LIMITS, close=False)

    def wait() -> bool:
        if writer.next_seq > 4:
            return False
        writer.append(event(writer.next_seq))
        return True

    assert list(subscribe(tmp_path, after=1, wait=wait)) == events(4, 2)
    writer.close()


def test_types_select(tmp_path: Path) -> None:
    grow(tmp_path, 3)
    assert list(Subscription(tmp_path, types={"DealRecorded"}).poll()) == []
    assert len(list(Subscription(tmp_path, types={"BarClosed"}).poll())) == 3


def test_asubscribe_leaves_the_loop_free(tmp_path: Path) -> None:
    writer = grow(tmp_path, 1, limits=LIMITS, close=False)

    async def follow() -> list[int]:
        seen = []
        async for found in asubscribe(tmp_path, durable=lambda: writer.durable_seq, interval_s=0):
            seen.append(found.seq)
            if found.seq == 3:
                return seen
        return seen

    async def both() -> list[int]:
        task = asyncio.create_task(follow())
        for seq in (2, 3):
            await asyncio.sleep(0)
            writer.append(event(seq))
        return await task

    assert asyncio.run(both()) == [1, 2, 3]
    writer.close()
