from __future__ import annotations

from typing import Any

import msgspec
import pytest

from journal import codec, document, schema, upcast
from journal.codec import decode, encode
from journal.envelope import Event, stamp
from journal.errors import UndecodableEvent
from journal.events import TYPES, Payload
from journal.events.base import Input
from tests.journal.builders import sample

REGENERATE = "run `python -m journal.document` and look at what changed"


def test_the_page_about_event_types_is_current() -> None:
    assert document.SCHEMAS.read_text(encoding="utf-8") == document.schemas(), REGENERATE


def test_the_schema_file_is_current() -> None:
    released = document.committed().released
    assert document.COMMITTED.read_bytes() == document.current(released), REGENERATE


def test_no_released_type_changed_its_shape_without_a_new_version() -> None:
    shapes = schema.shapes()
    for release, types in document.committed().released.items():
        for name, shape in types.items():
            now = shapes.get(name)
            assert now is not None, f"{name} was released in {release} and is gone"
            if now["version"] == shape["version"]:
                assert now == shape, f"{name} was released in {release} in another shape"
            for version in range(shape["version"], TYPES[name].VERSION):
                assert (name, version) in upcast.UPCASTERS, f"{name} has no way from {version}"


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_type_survives_its_bytes(kind: type[Payload]) -> None:
    event = stamp(sample(kind), seq=3, ts=4, run="r", cause=2, corr="K")
    assert decode(encode(event)) == event


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_a_missing_an_unknown_and_a_wrong_field_are_refused(kind: type[Payload]) -> None:
    raw = msgspec.to_builtins(stamp(sample(kind), seq=1, ts=1, run="r"))
    field = next(iter(raw["data"]))
    without = {name: value for name, value in raw["data"].items() if name != field}
    for data in (without, {**raw["data"], "more": 1}, {**raw["data"], field: None}):
        with pytest.raises(UndecodableEvent):
            decode(msgspec.json.encode({**raw, "data": data})[:-1])


class ThingSeen(Input, frozen=True, gc=False):
    """A type in its third shape."""

    VERSION = 3

    name: str
    lots: float


def test_an_older_version_is_upcast_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(data: dict[str, Any]) -> dict[str, Any]:
        return {"name": data["title"], "units": data["units"]}

    def second(data: dict[str, Any]) -> dict[str, Any]:
        return {"name": data["name"], "lots": data["units"] / 100_000}

    monkeypatch.setitem(TYPES, "ThingSeen", ThingSeen)
    monkeypatch.setitem(codec.WHOLE, "ThingSeen", msgspec.json.Decoder(Event[ThingSeen]).decode)
    monkeypatch.setitem(upcast.UPCASTERS, ("ThingSeen", 1), first)
    body = (
        b'{"seq":1,"ts":1,"type":"ThingSeen","v":1,"run":"r","cause":0,"corr":"",'
        b'"data":{"title":"x","units":20000}'
    )
    with pytest.raises(UndecodableEvent, match="has version 1, this Daybook knows version 3"):
        decode(body)
    monkeypatch.setitem(upcast.UPCASTERS, ("ThingSeen", 2), second)
    assert decode(body).data == ThingSeen(name="x", lots=0.2)


def test_a_version_from_the_future_is_refused() -> None:
    body = encode(stamp(sample(TYPES["BarClosed"]), seq=1, ts=1, run="r"))
    with pytest.raises(UndecodableEvent, match="has version 99, this Daybook knows version 1"):
        decode(body.replace(b'"v":1', b'"v":99'))


def test_docstrings_give_fields_their_meaning() -> None:
    spec = schema.meanings(TYPES["SymbolSpecified"])
    assert spec["volume_max"] == spec["volume_min"] == "lots"
    assert schema.summary(TYPES["TerminalLost"]) == "The connection to the terminal broke."


@pytest.mark.parametrize("kind", TYPES.values(), ids=TYPES)
def test_every_field_of_every_type_has_a_meaning(kind: type[Payload]) -> None:
    meanings = schema.meanings(kind)
    assert [name for name in schema.fields(kind) if not meanings.get(name)] == []


def test_what_is_so_everywhere_is_of_fields_that_there_are() -> None:
    known = {name for kind in TYPES.values() for name in schema.fields(kind)}
    assert schema.EVERYWHERE.keys() <= known
