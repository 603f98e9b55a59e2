"""`python -m engine.execution.document` writes `OUTCOMES.md` from the table of outcomes, and
`RECONCILIATION.md` from that of differences."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from engine.execution.differences import page as reconciliation
from engine.execution.outcome import ERRORS, RETCODES, SPECIAL, Meaning, Verdict

OUTCOMES = Path(__file__).with_name("OUTCOMES.md")
RECONCILIATION = Path(__file__).with_name("RECONCILIATION.md")

_PREFACE = """# What an answer proves

Generated from `outcome.py` by `python -m engine.execution.document`; a test holds that it is
current.

An intent, or a change, is durable before it is sent, and it is sent once. What comes back either
proves that the broker took it, proves that it did not, or proves nothing. What proves nothing is
never sent again: it is **unresolved**, and nothing new is sent for its symbol, until the broker's
lists or an operator tell (`evidence.py`). Sources of every code: `../broker/MT5.md` 2.2 and 3.2.

"accepted" of an order without the ticket of an order is unresolved, as nothing would tell its
deals. "halts" means that trading stops until an operator has looked and resumes it. A change that
is refused is never tried again by itself: who wants it asks anew, of the state as it is then.
"""

_HEAD = "| code | name | proves | then |\n|---|---|---|---|\n"

_PROVES = {
    Verdict.ACCEPTED: "accepted",
    Verdict.REFUSED: "refused",
    Verdict.UNRESOLVED: "nothing",
}

_THEN = {
    Verdict.ACCEPTED: "deals tell what becomes of it",
    Verdict.UNRESOLVED: "the broker's lists are searched",
}


def outcomes() -> str:
    """Return the page about all codes."""
    special = [
        (f"{code}, asked {asked.value}", meaning)
        for code, meanings in SPECIAL.items()
        for asked, meaning in meanings.items()
    ]
    unknown = Meaning(Verdict.UNRESOLVED, "a code that is not in this table", halt=True)
    parts = [
        _PREFACE,
        "## Return codes of the trade server\n",
        _HEAD + _rows([*_named(RETCODES), *special, ("any other", unknown)]),
        "## No answer: the module's last error, or what kept the call from the module\n",
        _HEAD + _rows([*_named(ERRORS), ("any other", unknown)]),
    ]
    return "\n".join(parts)


def _named(table: dict[int, Meaning]) -> list[tuple[str, Meaning]]:
    return [(str(int(code)), meaning) for code, meaning in table.items()]


def _rows(meanings: Iterable[tuple[str, Meaning]]) -> str:
    return "".join(
        f"| {code} | {meaning.name} | {_PROVES[meaning.verdict]} | {_then(meaning)} |\n"
        for code, meaning in meanings
    )


def _then(meaning: Meaning) -> str:
    then = _THEN.get(meaning.verdict, meaning.then.value)
    return f"{then}; halts" if meaning.halt else then


def main() -> None:
    """Write both pages."""
    OUTCOMES.write_text(outcomes(), encoding="utf-8", newline="\n")
    RECONCILIATION.write_text(reconciliation(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
