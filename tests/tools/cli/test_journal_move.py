"""A journal is followed, exported, published, and asked ready questions, sealed or not."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.fs
import pyarrow.ipc
import pyarrow.parquet
import pytest

from journal import read, sql
from journal.codec import frame
from journal.events import OrderIntended
from journal.reader import lines
from journal.sql import EXAMPLES
from journal.sql.questions import QUESTIONS
from tests.tools.cli.conftest import Call, daybook


def test_the_newest_events_are_lines(call: Call, segmented: Path) -> None:
    newest = [str(event.seq) for event in read(segmented)][-3:]
    said = call("tail", segmented, "-n", "3")
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()] == newest
    assert said.out.splitlines()[-1].split()[3] == "RunEnded"
    assert len(call("tail", segmented).out.splitlines()) == 20
    assert call("tail", segmented, "-n", "0").out == ""


@pytest.mark.parametrize("which", ["questioned", "segmented"])
def test_the_newest_of_a_type_are_found_however_far_back(
    call: Call, request: pytest.FixtureRequest, which: str
) -> None:
    journal = request.getfixturevalue(which)
    wanted = [event.seq for event in read(journal, types={"RunStarted", "OrderIntended"})]
    said = call("tail", journal, "-n", "44", "--type", "RunStarted", "--type", "OrderIntended")
    assert [int(line.split()[0]) for line in said.out.splitlines()] == wanted[-44:]
    (line,) = call("tail", journal, "-n", "1", "--type", "OrderIntended").out.splitlines()
    *_, last = read(journal, types={"OrderIntended"})
    assert isinstance(last.data, OrderIntended)
    assert f"key={last.corr}" in line
    assert f"volume={last.data.volume}" in line


def test_as_json_the_lines_are_the_journals_own(call: Call, segmented: Path) -> None:
    wanted = [frame(body, h).decode() for _, body, h in lines(segmented, after=2990)]
    said = call("tail", segmented, "-n", len(wanted), "--json")
    assert said.out == "".join(wanted)


def test_a_mistyped_type_is_said_with_the_right_one(call: Call, segmented: Path) -> None:
    said = call("tail", segmented, "--type", "order_intended")
    assert (said.code, said.out) == (2, "")
    assert "did you mean OrderIntended?" in said.err
    assert "known are RunStarted" in call("tail", segmented, "--type", "Frob").err


def test_following_shows_what_is_written_later(sealed: Path) -> None:
    process = daybook("tail", sealed, "-f", "-n", "1", "--json")
    stop = threading.Timer(30, process.kill)
    stop.start()
    try:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert first["type"] == "RunEnded"
        said = daybook("pause", sealed, "--reason", "a test").communicate()
        assert b"paused" in said[0], said
        then = json.loads(process.stdout.readline())
        assert (then["seq"], then["type"]) == (first["seq"] + 1, "TradingPaused")
    finally:
        process.kill()
        process.communicate()
        stop.cancel()


def test_every_form_of_export_holds_every_event(
    call: Call, segmented: Path, tmp_path: Path
) -> None:
    for name in ("a.parquet", "a.arrow", "a.csv"):
        assert call("export", segmented, tmp_path / name).code == 0
    rows = pyarrow.parquet.read_table(tmp_path / "a.parquet").column("seq").to_pylist()
    assert rows == [event.seq for event in read(segmented)]
    with pyarrow.ipc.open_file(str(tmp_path / "a.arrow")) as file:
        assert file.read_all().column("seq").to_pylist() == rows
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as text:
        assert [int(row["seq"]) for row in csv.DictReader(text)] == rows


def test_a_query_says_what_is_exported_and_a_format_how(
    call: Call, segmented: Path, tmp_path: Path
) -> None:
    target = tmp_path / "fills"
    said = call("export", segmented, target, "--format", "csv", "--query", "from fills")
    assert said.code == 0
    assert said.out.startswith(f"wrote {target}, ")
    with sql(segmented) as connection:
        fills = connection.execute("select count(*) from fills").fetchall()
    assert fills == [(target.read_bytes().count(b"\n") - 1,)]
    value = json.loads(call("export", segmented, tmp_path / "b.csv", "--json").out)
    assert value["size"] == (tmp_path / "b.csv").stat().st_size


@pytest.mark.parametrize(
    ("target", "query", "message"),
    [
        ("a.xyz", "select 1", "has none of the endings .parquet"),
        ("no/a.csv", "select 1", "there is no folder"),
        ("a.csv", "selec 1", "Parser Error"),
        ("a.csv", "copy (select 1) to 'b.csv'", "expected a SELECT, found COPY"),
        ("a.csv", "select 'a'::int", "Conversion Error"),
        ("there.csv", "select 1", "there.csv exists; name a new file"),
    ],
)
def test_an_export_that_cannot_be_is_one_line_and_no_file(
    call: Call,
    segmented: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    query: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.csv").touch()
    said = call("export", segmented, target, "--query", query)
    assert (said.code, said.out) == (2, "")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["there.csv"]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve S3 on the loopback, with one bucket `journals`."""
    server: Any = pytest.importorskip("moto.server", reason="moto serves S3 on the loopback")
    s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    url = f"http://{host}:{port}"
    store = pyarrow.fs.S3FileSystem(endpoint_override=url, allow_bucket_creation=True)
    store.create_dir("journals")
    yield url
    s3.stop()


def test_an_s3_store_takes_journals_and_answers_for_them(
    call: Call, segmented: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = "s3://journals/one", "s3://journals/two"
    said = call("publish", segmented, one, "--endpoint", endpoint)
    assert said.code == 0
    assert "published     6 segments   of 6" in said.out
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    assert "nothing new" in call("publish", segmented, one).out
    assert call("publish", segmented, two).code == 0
    query = "select count(*) as events from events"
    (row,) = json.loads(call("sql", one, query, "--and", two, "--json").out)
    assert row == {"events": 2 * 3000}
    assert call("sql", one, "from why(2900)").out == call("sql", segmented, "from why(2900)").out
    for ready in ("from fills", "from why(2900)"):
        said = call("sql", one, ready, "--and", two)
        assert (said.code, said.err.count("\n")) == (2, 1)
        assert "the ready views ask one journal" in said.err
    said = call("publish", segmented, "s3://nobody/one")
    assert said.code == 2
    assert said.err.count("\n") == 1


def test_a_folder_is_a_store_too(call: Call, segmented: Path, tmp_path: Path) -> None:
    assert call("publish", segmented, tmp_path / "store").code == 0
    uri = (tmp_path / "store").as_uri()
    value = json.loads(call("publish", segmented, uri, "--json").out)
    assert (value["copied"], value["last"]) == ([], 3000)
    assert call("sql", uri, "select count(*) from bar_closed").code == 0


def test_a_place_that_cannot_be_published_to_is_one_line(
    call: Call, segmented: Path, questioned: Path, tmp_path: Path
) -> None:
    absent = (tmp_path / "absent").as_uri()
    for arguments, message in (
        (["publish", questioned, "s3://a/b"], "has no sealed segment"),
        (["publish", segmented, "s3://"], "names no bucket"),
        (["publish", segmented, "gs://a/b"], "is no place to publish to"),
        (["publish", segmented, ""], "'' is no place to publish to"),
        (["sql", absent, "from events"], "no journal is published at"),
        (["sql", segmented, "from events", "--and", absent], "--and is for published journals"),
        (["sql", absent, "from events", "--parquet", "x"], "for a journal on this machine"),
    ):
        said = call(*arguments)
        assert (said.code, said.out) == (2, "")
        assert message in said.err
        assert said.err.count("\n") == 1


def test_a_store_that_does_not_answer_is_one_line(
    call: Call, segmented: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    nowhere = "http://127.0.0.1:9"  # the port of the service `discard`, which nobody offers
    for arguments in (
        ["publish", segmented, "s3://journals/one", "--endpoint", nowhere],
        ["sql", "s3://journals/one", "from events", "--endpoint", nowhere],
    ):
        said = call(*arguments)
        assert (said.code, said.out) == (2, "")
        assert said.err.count("\n") == 1


def test_examples_list_every_ready_question(call: Call) -> None:
    said = call("sql", "--examples")
    assert (said.code, said.err) == (0, "")
    for question in QUESTIONS:
        assert f"  {question.name}" in said.out
        assert question.meaning in said.out
    for _, query in EXAMPLES:
        assert f"  {query}\n" in said.out
    value = json.loads(call("sql", "--examples", "--json").out)
    assert [one["query"] for one in value["examples"]] == [query for _, query in EXAMPLES]


@pytest.fixture(scope="module")
def over_segments(segmented: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with sql(segmented) as connection:
        yield connection


MAY_BE_EMPTY = ("FROM unresolved", "FROM positions_at", "FROM gaps", "FROM changes")
"""In a calm demo; changes are asked for in `tests/engine/test_questions_agree.py`."""


@pytest.mark.parametrize("query", [query for _, query in EXAMPLES])
def test_every_example_says_the_same_sealed_and_unsealed(
    call: Call, questioned: Path, over_segments: duckdb.DuckDBPyConnection, query: str
) -> None:
    rows = _rows(call, questioned, query)
    assert rows or any(table in query for table in MAY_BE_EMPTY)
    sealed = over_segments.execute(query)
    names = [column[0] for column in sealed.description]
    found = [dict(zip(names, row, strict=True)) for row in sealed.fetchall()]
    assert _comparable(json.loads(json.dumps(found, default=str))) == _comparable(rows)


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows in an order, their sums free of the order in which they were added up."""
    return sorted(
        str({k: round(v, 9) if isinstance(v, float) else v for k, v in row.items()}) for row in rows
    )


def test_ready_questions_agree_with_the_projections(call: Call, segmented: Path) -> None:
    status = json.loads(call("status", segmented, "--json").out)
    query = "select count(*) as trades, sum(net) as net from trades"
    (row,) = json.loads(call("sql", segmented, query, "--json").out)
    assert row["trades"] == status["performance"]["trades"]
    assert row["net"] == pytest.approx(status["performance"]["net_profit"])
    query = "select status, count(*) as n from orders group by status"
    counts = {row["status"]: row["n"] for row in _rows(call, segmented, query)}
    assert counts["filled"] == status["orders"]["filled"]
    assert counts["vetoed"] == status["orders"]["vetoed"]
    assert len(_rows(call, segmented, "from vetoes")) == counts["vetoed"]
    assert _rows(call, segmented, "from unresolved") == []
    end = [event.seq for event in read(segmented)][-1]
    last = _rows(call, segmented, f"from positions_at({end})")
    assert [row["position"] for row in last] == [row["identifier"] for row in status["positions"]]
    first = _rows(call, segmented, "from fills order by seq limit 1")[0]
    (held,) = _rows(call, segmented, f"from positions_at({first['seq']})")
    names = ["position", "side", "volume", "order_key"]
    assert [held[name] for name in names] == [first[name] for name in names]
    days = _rows(call, segmented, "from daily_pnl order by day")
    assert days[-1]["running"] == pytest.approx(status["performance"]["net_profit"])


def test_a_story_begins_with_the_proposal_and_ends_with_the_closing_deal(
    call: Call, segmented: Path
) -> None:
    key = _rows(call, segmented, "select order_key as key from trades limit 1")[0]["key"]
    story = _rows(call, segmented, f"from order_story('{key}')")
    types = [row["type"] for row in story]
    assert types[0] == "OrderProposed"
    assert types.index("OrderIntended") < types.index("BrokerReplied")
    assert types.count("DealRecorded") == 2
    chain = _rows(call, segmented, f"from why({story[1]['seq']})")
    assert [row["depth"] for row in chain] == list(range(len(chain)))
    assert chain[-1]["type"] == "BarClosed"


def test_rows_are_written_as_parquet(call: Call, segmented: Path, tmp_path: Path) -> None:
    target = tmp_path / "fills.parquet"
    assert call("sql", segmented, "from fills", "--parquet", target).code == 0
    assert pyarrow.parquet.read_table(target).num_rows == len(_rows(call, segmented, "from fills"))
    said = call("sql", segmented, "from fills", "--parquet", target)
    assert (said.code, said.err) == (2, f"daybook: {target} exists; name a new file\n")
    said = call("sql", segmented, "from fills", "--parquet", target, "--csv")
    assert said.err == "daybook: --csv and --parquet exclude each other; give one of them\n"


def _rows(call: Call, journal: Path, query: str) -> list[dict[str, Any]]:
    said = call("sql", journal, query, "--json")
    assert said.code == 0, said.err
    rows: list[dict[str, Any]] = json.loads(said.out)
    return rows
