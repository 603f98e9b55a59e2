"""What the walk over a type accepts, msgspec accepts; YAML and back is the same configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from engine.config import Broker, Config, JournalLimits, Risk
from engine.settings import load, load_as
from engine.settings.shape import check, describe

DEMO = Path(__file__).resolve().parents[3] / "configs" / "demo.yaml"

Cat = msgspec.defstruct(
    "Cat", [("lives", int)], tag="cat", tag_field="kind", forbid_unknown_fields=True, frozen=True
)
Dog = msgspec.defstruct(
    "Dog", [("bark", str)], tag="dog", tag_field="kind", forbid_unknown_fields=True, frozen=True
)


class Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of each type that a configuration may have."""

    whole: Annotated[int, Meta(ge=0, lt=100, multiple_of=5)]
    number: Annotated[float, Meta(gt=0, le=1)]
    text: Annotated[str, Meta(min_length=2, max_length=4, pattern="^[a-z]")]
    truth: bool
    choice: Literal["a", "b"]
    level: Literal[1, 2]
    maybe: Annotated[int, Meta(ge=0, description="perhaps")] | None
    names: dict[Annotated[str, Meta(max_length=3)], int]
    items: Annotated[list[Cat | Dog], Meta(max_length=2)]  # type: ignore[valid-type] # made by defstruct


GOOD = {
    "whole": 5,
    "number": 1.0,
    "text": "abc",
    "truth": True,
    "choice": "a",
    "level": 1,
    "maybe": None,
    "names": {"x": 1},
    "items": [{"kind": "cat", "lives": 9}, {"kind": "dog", "bark": "loud"}],
}
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 110),
    st.floats(),
    st.sampled_from(["a", "b", "abc", "", "toolong", "1"]),
    st.dictionaries(st.sampled_from(["x", "long", "kind", "lives"]), st.integers(0, 2)),
    st.lists(
        st.fixed_dictionaries(
            {}, optional={"kind": st.sampled_from(["cat", "dog", "cow"]), "lives": st.just(9)}
        ),
        max_size=3,
    ),
)


def findings(value: object, kind: object) -> list[str]:
    found = check(value, msgspec.inspect.type_info(kind))
    return [".".join(str(part) for part in key) + ": " + text for key, text in found]


def test_what_fits_has_no_findings() -> None:
    assert findings(GOOD, Shape) == []
    assert findings({**GOOD, "maybe": 0}, Shape) == []


@given(st.sampled_from(sorted(GOOD)), VALUES)
def test_nothing_is_accepted_that_msgspec_refuses(key: str, value: object) -> None:
    candidate = {**GOOD, key: value}
    if not findings(candidate, Shape):
        msgspec.convert(candidate, Shape)


@given(st.sampled_from(sorted(GOOD)), VALUES)
def test_what_is_refused_msgspec_refuses_too_except_where_it_is_lenient(
    key: str, value: object
) -> None:
    if isinstance(value, float):  # 5.0 as a whole number: lenient there, refused here
        return
    candidate = {**GOOD, key: value}
    if findings(candidate, Shape):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(candidate, Shape)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        (
            "whole",
            7,
            "whole: found 7; allowed: a whole number of at least 0 and below 100 and "
            "a multiple of 5",
        ),
        (
            "text",
            "A",
            "text: found 'A'; allowed: a text of at least 2 and of at most 4 characters "
            "that matches ^[a-z]",
        ),
        ("truth", "yes", "truth: found 'yes'; allowed: true or false"),
        ("level", 3, "level: found 3; allowed: one of `1`, `2`"),
        ("level", "1", "level: found '1'; allowed: one of `1`, `2`"),
        ("maybe", -1, "maybe: found -1; allowed: a whole number of at least 0"),
        ("names", 1, "names: found 1; allowed: a section of names, each with a whole number"),
        ("names", {"long": 1}, "names.long: found 'long'; allowed: a text of at most 3 characters"),
        (
            "items",
            [{}] * 3,
            "items: found a list of 3; allowed: a list, each a section with the "
            "keys `kind`, `lives`, or a section with the keys `kind`, `bark`",
        ),
        (
            "items",
            [{"kind": "cow"}],
            "items.0.kind: found 'cow'; allowed: one of `cat`, `dog`",
        ),
        (
            "items",
            [{"kind": "cat"}],
            "items.0.lives: this key is missing; expected: a whole number",
        ),
        ("text", "x" * 99, f"text: found '{'x' * 56}...; allowed: a text"),
    ],
)
def test_a_misfit_is_described(key: str, value: object, said: str) -> None:
    assert findings({**GOOD, key: value}, Shape)[0].startswith(said)


def test_a_type_that_cannot_be_described_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="a configuration cannot have the type"):
        describe(msgspec.inspect.type_info(set[int]))


def test_any_struct_can_be_read_with_a_prefix_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "risk.yaml"
    path.write_text("per_trade_percent: 2\n", encoding="utf-8")
    read = load_as(path, Risk, {"X_MARGIN_USE_PERCENT": "7"}, "X_")
    assert read == Risk(per_trade_percent=2.0, margin_use_percent=7.0)


PERCENT = st.floats(min_value=0, max_value=100, exclude_min=True)
CONFIGS = st.builds(
    lambda base, seed, risk, limits, server, deviation: msgspec.structs.replace(
        base,
        seed=seed,
        risk=risk,
        limits=limits,
        broker=Broker(
            kind="simulated",
            account=msgspec.structs.replace(base.broker.account, server=server),
            deviation=deviation,
        ),
    ),
    st.just(load(DEMO, environ={})),
    st.integers(0, 2**53),
    st.builds(Risk, per_trade_percent=PERCENT, margin_use_percent=PERCENT),
    st.builds(JournalLimits, batch=st.integers(1, 100_000), delay_ms=st.floats(0, 10_000)),
    st.text(st.characters(exclude_categories=["C", "Z"])),
    st.integers(0, 10_000),
)


@given(CONFIGS)
def test_a_configuration_written_as_yaml_is_read_back_equal(config: Config) -> None:
    path = DEMO.with_name("never-written.yaml")  # only its folder matters
    text = yaml.safe_dump(msgspec.to_builtins(config), allow_unicode=True)
    assert load_text(text, path) == config


def load_text(text: str, path: Path) -> Config:
    """Load a text as if it were the file at `path`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.settings.source._text", lambda _: text)
        return load(path, environ={})
