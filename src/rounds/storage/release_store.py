"""A site's releases on disk: every cell that ever left or was drawn, what it cost, every reply, every policy in force.

Functions here work inside a transaction of the caller's, see `sqlite_file`: draw, charge, reply and log entry are kept
together or not at all.
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import polars as pl

from rounds.disclosure.bounded import QUANTITIES, bounded_schema
from rounds.disclosure.budget import Costs, Period
from rounds.disclosure.policy import SitePolicy, decode_policy
from rounds.errors import RoundsError
from rounds.measures.definitions import MeasureRef
from rounds.measures.strata import Stratum
from rounds.storage.kept_shares import SHARES_SCHEMA
from rounds.storage.opt_out_ways import WAYS_SCHEMA

_NUMBERS: Final = tuple(f"{name}_{part}" for name in QUANTITIES for part in ("state", "value", "lower", "upper"))
_PEOPLE: Final = tuple(f"{name}_people" for name in QUANTITIES)
"""How many people are behind numbers of rows. They never leave; the gate needs them."""

RELEASE_SCHEMA: Final = f"""
CREATE TABLE IF NOT EXISTS answers (
    round TEXT PRIMARY KEY, request TEXT NOT NULL, day TEXT NOT NULL, reply BLOB NOT NULL, seal TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS drafts (
    round TEXT NOT NULL, digest TEXT NOT NULL, day TEXT NOT NULL, draft BLOB NOT NULL, PRIMARY KEY (round, digest)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cells (
    digest TEXT NOT NULL, epoch INTEGER NOT NULL, member TEXT NOT NULL, period TEXT NOT NULL, stratum TEXT NOT NULL,
    measure TEXT NOT NULL, version INTEGER NOT NULL, round TEXT NOT NULL, rule TEXT NOT NULL,
    policy TEXT NOT NULL, opt_outs TEXT NOT NULL, has_left INTEGER NOT NULL,
    records TEXT NOT NULL,
    {", ".join(f"{name} {'TEXT' if name.endswith('state') else 'INTEGER'}" for name in _NUMBERS)}, seal TEXT NOT NULL,
    PRIMARY KEY (digest, epoch, member, period, stratum)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS behind (
    digest TEXT NOT NULL, epoch INTEGER NOT NULL, member TEXT NOT NULL, period TEXT NOT NULL, stratum TEXT NOT NULL,
    {", ".join(f"{name} INTEGER NOT NULL" for name in _PEOPLE)},
    PRIMARY KEY (digest, epoch, member, period, stratum)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS charges (
    year INTEGER NOT NULL, digest TEXT NOT NULL, period TEXT NOT NULL, epoch INTEGER NOT NULL, rho REAL NOT NULL,
    measure TEXT NOT NULL, round TEXT NOT NULL,
    PRIMARY KEY (year, digest, period, epoch)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS policies (
    number INTEGER PRIMARY KEY, digest TEXT NOT NULL, day TEXT NOT NULL, adopted_by TEXT NOT NULL, policy TEXT NOT NULL
) STRICT;
{SHARES_SCHEMA};
{WAYS_SCHEMA}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The reply that was given to a request, to the byte."""

    request_digest: str
    reply: bytes


def read_answer(connection: sqlite3.Connection, round_id: str) -> Answer | None:
    """Return what was answered in a round, or to an attempt by its `attempt_name`, or None if nothing was.

    Raises:
        RoundsError: if what is kept was changed. The site must not count again then: a second answer could differ.
    """
    row = connection.execute("SELECT request, day, reply, seal FROM answers WHERE round = ?", [round_id]).fetchone()
    if row is None:
        return None
    request, day, reply, seal = row
    if seal != _seal(round_id, request, day, hashlib.sha256(reply).hexdigest()):
        raise RoundsError(
            f"ledger.db: the reply to round {round_id} was changed after it was kept; restore the file from a copy"
        )
    return Answer(request_digest=request, reply=reply)


def refuse_altered(connection: sqlite3.Connection) -> None:
    """Raise if any reply, draft or policy is not as it was kept, as where a page was half written when the power went.

    SQLite notices a torn page by its structure alone, and the pages of a long reply have none.

    Raises:
        RoundsError: naming the round. Nothing may leave until the file is restored.
    """
    kept = [
        *connection.execute("SELECT 'the draft of round ' || round, digest, draft FROM drafts"),
        *connection.execute("SELECT 'a policy of ' || day, digest, CAST(policy AS BLOB) FROM policies"),
    ]
    for what, digest, content in kept:
        if hashlib.sha256(content).hexdigest() != digest:
            raise RoundsError(
                f"ledger.db: {what} was changed after it was kept; restore it from a copy, do not delete it"
            )
    for (round_id,) in connection.execute("SELECT round FROM answers").fetchall():
        read_answer(connection, round_id)


def answered_rounds(connection: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """Return the round of every answer, in either lane, and the digest of its request, sorted."""
    rows = connection.execute("SELECT round, request FROM answers ORDER BY round")
    return tuple((name.partition("/")[0], request) for name, request in rows)


def attempt_name(round_id: str, number: int) -> str:
    """Return under which name the answer to an attempt at a round's pooled sums is kept. No round is called so."""
    return f"{round_id}/pooled-{number}"


def answered_attempts(connection: sqlite3.Connection, round_id: str) -> tuple[int, ...]:
    """Return the numbers of the attempts at a round's pooled sums that were answered, sorted."""
    beginning = f"{round_id}/pooled-"
    rows = connection.execute("SELECT round FROM answers WHERE substr(round, 1, ?) = ?", [len(beginning), beginning])
    return tuple(sorted(int(name.removeprefix(beginning)) for (name,) in rows))


def keep_answer(connection: sqlite3.Connection, round_id: str, answer: Answer, *, day: date) -> None:
    """Keep a reply for ever."""
    seal = _seal(round_id, answer.request_digest, day.isoformat(), hashlib.sha256(answer.reply).hexdigest())
    connection.execute(
        "INSERT INTO answers VALUES (?, ?, ?, ?, ?)",
        [round_id, answer.request_digest, day.isoformat(), answer.reply, seal],
    )


def kept_cells(
    connection: sqlite3.Connection,
    measure: MeasureRef,
    strata: tuple[Stratum, ...],
    *,
    epoch: int,
    policy: str,
    opt_outs: str,
) -> pl.DataFrame:
    """Return every cell of a measure that is to be released as it is.

    These are all that ever left, and those that were prepared under the same policy, with the same list of opt-outs,
    and wait.

    Args:
        connection: the ledger.
        measure: whose cells.
        strata: the measure's.
        epoch: 1, or more for a revision.
        policy: digest of the policy in force.
        opt_outs: what tells the list of who may be counted from others; empty if nobody is left out.

    Returns:
        Columns as in `bounded_schema`, and `records`, what they were counted from, and `numerator_people` and
        `denominator_people`, how many people were behind numbers of rows; empty of others.

    Raises:
        RoundsError: if a cell was changed after it was kept.
    """
    key = ["digest", "epoch", "member", "period", "stratum"]
    names = ["member", "period", "stratum", "records", *_PEOPLE, "opt_outs", *_NUMBERS, "seal"]
    rows = connection.execute(
        f"SELECT {', '.join(names)} FROM cells LEFT JOIN behind USING ({', '.join(key)}) "  # noqa: S608 - our names
        "WHERE digest = ? AND epoch = ? AND (has_left OR (policy = ? AND opt_outs = ?))",
        [measure.digest, epoch, policy, opt_outs],
    ).fetchall()
    schema = {**bounded_schema(strata), "records": pl.String(), **dict.fromkeys(_PEOPLE, pl.Int64())}
    columns: dict[str, list[Any]] = {name: [] for name in schema}
    for member, period, stratum, records, some, all_of_them, less, *numbers, seal in rows:
        if seal != _seal(measure.digest, epoch, member, period, stratum, less, *numbers):
            raise RoundsError(
                f"ledger.db: a cell of measure {measure}, period {period}, was changed after it was released; restore "
                "the file from a copy, nothing leaves until then"
            )
        levels = json.loads(stratum)
        columns["member"].append(member)
        columns["period"].append(date.fromisoformat(period))
        columns["records"].append(records)
        for name, people in zip(_PEOPLE, (some, all_of_them), strict=True):
            columns[name].append(people)
        for name in map(str, strata):
            columns[name].append(levels[name])
        for name, number in zip(_NUMBERS, numbers, strict=True):
            columns[name].append(number)
    return pl.DataFrame(columns, schema=schema)


def keep_cells(  # noqa: PLR0913  all that the ledger says of cells
    connection: sqlite3.Connection,
    measure: MeasureRef,
    cells: pl.DataFrame,
    *,
    behind: pl.DataFrame,
    epoch: int,
    round_id: str,
    rule: str,
    policy: str,
    opt_outs: str,
    records: str,
) -> None:
    """Keep cells that are prepared for the first time.

    What waited under another policy, or was counted by another list of opt-outs, is forgotten.

    Args:
        connection: in a transaction.
        measure: whose cells they are.
        cells: columns as in `bounded_schema`.
        behind: exact counts of the same cells if they are of rows, of which the people behind are kept; else none.
        epoch: 1, or more for a revision.
        round_id: in which they are released.
        rule: by which.
        policy: digest of the policy in force.
        opt_outs: what tells the list of who may be counted from others; empty if nobody is left out.
        records: what tells the records that were counted from others.
    """
    connection.execute(
        "DELETE FROM cells WHERE digest = ? AND epoch = ? AND NOT has_left AND (policy != ? OR opt_outs != ?)",
        [measure.digest, epoch, policy, opt_outs],
    )
    strata = [name for name in cells.columns if name not in ("member", "period", *_NUMBERS)]
    rows = []
    for row in cells.iter_rows(named=True):
        key = (row["member"], row["period"].isoformat(), _stratum(row, strata))
        numbers = [row[name] for name in _NUMBERS]
        seal = _seal(measure.digest, epoch, *key, opt_outs, *numbers)
        known = (measure.digest, epoch, *key, measure.id, measure.version, round_id, rule, policy, opt_outs, 0, records)
        rows.append((*known, *numbers, seal))
    marks = ", ".join("?" * (14 + len(_NUMBERS)))
    connection.executemany(f"INSERT INTO cells VALUES ({marks})", rows)  # noqa: S608 - question marks
    if behind.height:
        people = [
            [measure.digest, epoch, row["member"], row["period"].isoformat(), _stratum(row, strata), *_behind(row)]
            for row in behind.iter_rows(named=True)
        ]
        connection.executemany("INSERT OR REPLACE INTO behind VALUES (?, ?, ?, ?, ?, ?, ?)", people)


def released_measures(connection: sqlite3.Connection) -> tuple[tuple[MeasureRef, int], ...]:
    """Return every measure of which cells have left, or wait to, and the epoch, sorted."""
    rows = connection.execute("SELECT DISTINCT measure, version, digest, epoch FROM cells ORDER BY 1, 2, 3, 4")
    return tuple((MeasureRef(id=name, version=version, digest=digest), epoch) for name, version, digest, epoch in rows)


def released_spans(connection: sqlite3.Connection, digest: str) -> tuple[tuple[date, date], ...]:
    """Return the first and the last day of each release of a measure that was counted over all dates."""
    query = "SELECT DISTINCT digest FROM cells WHERE digest LIKE ? AND has_left ORDER BY 1"
    rows = connection.execute(query, [f"{digest}@%"])
    spans = [whole.partition("@")[2].split("..") for (whole,) in rows]
    return tuple((date.fromisoformat(first), date.fromisoformat(last)) for first, last in spans)


def mark_left(connection: sqlite3.Connection, periods: Iterable[tuple[str, date]], *, epoch: int) -> frozenset[bool]:
    """Remember that cells have left the site, and return whether people were left out of those that had not before.

    Args:
        connection: in a transaction.
        periods: each the digest of a measure and the first day of a period of it.
        epoch: 1, or more for a revision.
    """
    ways: set[bool] = set()
    for digest, start in periods:
        rows = connection.execute(
            "UPDATE cells SET has_left = 1 WHERE digest = ? AND epoch = ? AND period = ? AND NOT has_left "
            "RETURNING opt_outs",
            [digest, epoch, start.isoformat()],
        )
        ways |= {bool(opt_outs) for (opt_outs,) in rows}
    return frozenset(ways)


def keep_draft(connection: sqlite3.Connection, round_id: str, draft: bytes, *, day: date) -> str:
    """Keep all that a reply would say, and return its SHA-256."""
    digest = hashlib.sha256(draft).hexdigest()
    row = [round_id, digest, day.isoformat(), draft]
    connection.execute("INSERT OR IGNORE INTO drafts VALUES (?, ?, ?, ?)", row)
    return digest


def charged(connection: sqlite3.Connection) -> Mapping[int, Mapping[Period, float]]:
    """Return what was charged, by calendar year and measure's period."""
    found: defaultdict[int, dict[Period, float]] = defaultdict(dict)
    for year, digest, period, epoch, rho in connection.execute("SELECT year, digest, period, epoch, rho FROM charges"):
        found[year][digest, period, epoch] = rho
    return found


def charge(connection: sqlite3.Connection, costs: Costs, *, measure: str, round_id: str) -> None:
    """Charge periods of a measure to the budgets of years, on top of what was charged for them before."""
    connection.executemany(
        "INSERT INTO charges VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (year, digest, period, epoch) DO UPDATE SET rho = rho + excluded.rho",
        [
            (year, digest, period, epoch, rho, measure, round_id)
            for year, periods in costs.items()
            for (digest, period, epoch), rho in periods.items()
        ],
    )


def policy_in_force(connection: sqlite3.Connection) -> SitePolicy | None:
    """Return the policy that was adopted last, or None if nothing was ever released."""
    row = connection.execute("SELECT policy FROM policies ORDER BY number DESC LIMIT 1").fetchone()
    return None if row is None else decode_policy(row[0])


def keep_policy(connection: sqlite3.Connection, policy: SitePolicy, *, day: date, adopted_by: Iterable[str]) -> int:
    """Write down that a policy is in force from now on, and return its number: the first is 1."""
    connection.execute(
        "INSERT INTO policies (digest, day, adopted_by, policy) VALUES (?, ?, ?, ?)",
        [policy.digest, day.isoformat(), json.dumps(list(adopted_by)), policy.encode()],
    )
    (number,) = connection.execute("SELECT max(number) FROM policies").fetchone()
    return int(number)


def ledger_figures(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Return in words how much was ever released. No number about patients is in it."""
    pooled = connection.execute("SELECT count(*) FROM answers WHERE instr(round, '/')").fetchone()[0]
    rounds = connection.execute("SELECT count(*) FROM answers").fetchone()[0] - pooled
    lines = [f"{rounds:,} rounds answered", *([f"{pooled:,} attempts at pooled sums answered"] if pooled else [])]
    for rule, cells, withheld in connection.execute(
        "SELECT rule, count(*), sum(numerator_state = 'withheld' OR denominator_state = 'withheld') FROM cells "
        "GROUP BY rule ORDER BY rule"
    ):
        lines.append(f"{cells:,} cells released by rule {rule}, in {withheld:,} of them a number is withheld")
    for year, rho in connection.execute("SELECT year, sum(rho) FROM charges GROUP BY year ORDER BY year"):
        lines.append(f"{rho:.3g} zCDP charged to {year}")
    return tuple(lines)


def _stratum(row: Mapping[str, Any], strata: Iterable[str]) -> str:
    return json.dumps({name: row[name] for name in strata})


def _behind(row: Mapping[str, Any]) -> list[int]:
    return [row[name] for name in _PEOPLE]


def _seal(*fields: object) -> str:
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()
