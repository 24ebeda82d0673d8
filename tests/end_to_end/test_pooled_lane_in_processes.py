"""Sums over sites whose own numbers nobody sees: real processes over a folder, one of them killed, one of them late."""

import base64
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from network_copy import TODAY, copy_of, rounds, tree

from rounds.disclosure.pooled import pooled_keys
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.question import Question
from rounds.records.synthetic import SyntheticNetwork, write_demo_network
from rounds.site.answer import count as counted_at
from rounds.site.folder import Site, read_site
from rounds.site.pooled import answer_pooled, publish_keys
from rounds.storage.audit_log import LEDGER
from rounds.storage.release_store import RELEASE_SCHEMA, answered_attempts
from rounds.storage.sqlite_file import reading

ROUND = """id: "2024-12"
title: People admitted
as_of: 2025-01-14
first: 2023-01-01
last: 2024-12-31
measures:
  - {id: people-admitted, version: 1, lane: pooled}
"""
BESIDE = "  - {id: in-hospital-deaths, version: 1}\n"
PLAN = SyntheticNetwork(seed=5, hospitals=4, adopters=2, first_month=date(2023, 1, 1), months=24, admissions=(60, 90))
SITES = tuple(f"hospital-0{number}" for number in range(1, 5))

KILLED = """
import os, signal
real = os.replace
def replace(source, target):
    if os.environ["KILLED_AT"] in str(target):
        os.kill(os.getpid(), signal.SIGKILL)
    real(source, target)
os.replace = replace
"""


class _Silent:
    def step(self, title: str, total: int) -> None: ...

    def advance(self) -> None: ...


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of four on which no round has run."""
    folder = tmp_path_factory.mktemp("four") / "network"
    write_demo_network(folder, plan=PLAN, progress=_Silent())
    (folder / "rounds/2024-12.yaml").write_text(ROUND)
    return folder


def _said(folder: Path) -> dict[str, Any]:
    report = json.loads((folder / "outputs/2024-12/insights.json").read_bytes())
    (found,) = [one for one in report["insights"] if one["id"].startswith("network-total")]
    return dict(found)


def _truth(folder: Path, sites: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the exact sums over some sites, by year."""
    frames = []
    for name in sites:
        site = read_site(folder / "sites" / name)
        measure = site.library.measure("people-admitted", 1)
        question = Question(
            first=date(2023, 1, 1),
            last=date(2024, 12, 31),
            as_of=date(2025, 1, 14),
            measures=(measure.ref,),
            members=tuple(f"ZZ{number}" for number in range(1, 5)),
        )
        (found,) = counted_at(site, question, today=date.fromisoformat(TODAY), progress=lambda _: None)
        frames.append(found.count.cells)
        assert (
            found.count.cells.height
            == pooled_keys(measure, measure.periods(first=question.first, last=question.last)).height
        )
    sums = pl.concat(frames).group_by("period").agg(pl.col("numerator", "denominator").sum()).sort("period")
    return [(row[1], row[2]) for row in sums.rows()]


def _near(folder: Path, sites: tuple[str, ...]) -> None:
    """Fifteen cells of noise with variance 9 a year: within six standard errors of what is true, and not just that."""
    rows = _said(folder)["table"]["rows"]
    distances = []
    for row, true in zip(rows, _truth(folder, sites), strict=True):
        distances += [row[4] - true[0], row[7] - true[1]]
    assert all(abs(distance) < 6 * (15 * 9) ** 0.5 for distance in distances)
    assert any(distances), "no noise at all is one in a million"


@pytest.mark.slow
def test_a_site_that_is_killed_restarts_the_sum_without_it(four: Path, tmp_path: Path) -> None:
    folder = copy_of(four, tmp_path / "network")
    path = folder / "rounds/2024-12.yaml"
    path.write_text(ROUND + BESIDE)
    (tmp_path / "sitecustomize.py").write_text(KILLED)
    killing = {
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        "KILLED_AT": "sites/hospital-03/trust/hospital-01.mask",
    }
    failed = rounds("run", folder, "--today", TODAY, **killing)
    assert failed.returncode != 0
    assert "hospital-03: its process was killed (SIGKILL)" in failed.stderr
    assert not (folder / "outputs/2024-12").exists()
    partial = rounds("--json", "run", folder, "--partial", "--today", TODAY, **killing)
    assert partial.returncode == 4, partial.stderr
    assert [one.name for one in sorted((folder / "exchange/2024-12/pooled").iterdir())] == ["1", "2"]
    others = tuple(site for site in SITES if site != "hospital-03")
    said = _said(folder)
    assert said["provenance"]["sites_in"] == list(others)
    assert said["provenance"]["sites_out"] == ["hospital-03"]
    _near(folder, others)
    for site in others:
        assert _answered(folder, site) == (1, 2), "another draw, and both are kept"
    assert _answered(folder, "hospital-03") == ()
    _tells_nothing(folder)
    back = rounds("--json", "run", folder, "--today", TODAY)
    assert back.returncode == 0, back.stderr
    assert _said(folder) == said, "what is complete is not drawn again"
    assert not (folder / "exchange/2024-12/pooled/3").exists()
    assert rounds("audit", folder).returncode == 0


def _answered(folder: Path, site: str) -> tuple[int, ...]:
    with reading(folder / "sites" / site / LEDGER, schema=RELEASE_SCHEMA) as connection:
        return answered_attempts(connection, "2024-12")


def _tells_nothing(folder: Path) -> None:
    """What lies in the exchange and at the centre of the pooled lane is keys, and numbers drawn by chance."""
    bodies = [json.loads(path.read_bytes())["body"] for path in folder.rglob("pooled/*/replies/*.json")]
    assert len(bodies) == 6, "three in the first attempt, three in the second"
    for body in bodies:
        assert body["tables"] == []
        numbers = base64.b64decode(body["shares"][0]["numbers"])
        assert not [at for at in range(0, len(numbers), 8) if int.from_bytes(numbers[at : at + 8], "little") < 2**32]


@pytest.mark.slow
def test_sites_answer_in_their_own_time_and_one_never_does(four: Path, tmp_path: Path) -> None:
    folder = copy_of(four, tmp_path / "network")
    exchange = ExchangeFolder(path=folder / "exchange")
    early = rounds("centre", "ask", folder, "--today", TODAY)
    assert early.returncode == 3
    assert "let hospital-01 publish its keys with `rounds site keys FOLDER --exchange EXCHANGE`" in early.stderr
    shown = rounds("site", "keys", folder / "sites/hospital-01", "--exchange", exchange.path, "--today", TODAY)
    assert shown.returncode == 0, shown.stderr
    assert "own key: " in shown.stdout
    sites = [read_site(folder / "sites" / name) for name in SITES]
    for site in sites[1:]:
        publish_keys(site, exchange, today=date.fromisoformat(TODAY))
    assert rounds("centre", "ask", folder, "--today", TODAY).returncode == 0
    assert _answer(folder, SITES[0]) is True, "by the command line"
    assert all(_answers(site, exchange, 1) for site in sites[1:3])
    late = rounds("centre", "publish", folder, "--today", TODAY)
    assert late.returncode == 4
    assert "hospital-04 has not answered for the pooled sums yet" in late.stderr
    assert "rounds centre ask --without hospital-04" in late.stderr
    without = rounds("centre", "ask", folder, "--without", "hospital-04", "--today", TODAY)
    assert without.returncode == 0, without.stderr
    assert all(_answers(site, exchange, 2) for site in sites[:3]), "asked again it draws again"
    assert _answer(folder, SITES[0]) is False, "but for one attempt only once"
    published = rounds("--json", "centre", "publish", folder, "--today", TODAY)
    assert published.returncode == 0, published.stderr
    assert json.loads(published.stdout)["rounds"]["2024-12"]["sites_in"] == list(SITES[:3])
    _near(folder, SITES[:3])
    page = "".join(path.read_text() for path in (folder / "outputs/2024-12").glob("*.html"))
    assert "no site&#39;s number" in page or "no site's number" in page


def _answers(site: Site, exchange: ExchangeFolder, number: int) -> bool:
    day = date.fromisoformat(TODAY)
    return answer_pooled(site, exchange, round_id="2024-12", number=number, today=day, progress=lambda _: None)


def _answer(folder: Path, site: str) -> bool:
    result = rounds(
        "--json", "site", "answer", folder / "sites" / site, "--exchange", folder / "exchange", "--round", "2024-12",
        "--today", TODAY,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return bool(json.loads(result.stdout)["counted"])


REFUSED = {
    "two sites": (
        ROUND.replace("lane: pooled", "lane: pooled, sites: [hospital-01, hospital-02]"),
        "people-admitted: pooled over 2 sites, and 3 is the least",
    ),
    "other sites for another measure": (
        ROUND + "  - {id: celecoxib-ever, version: 1, lane: pooled, sites: [hospital-01, hospital-02, hospital-03]}\n",
        "celecoxib-ever: it is pooled over other sites than people-admitted",
    ),
    "rows without a bound": (
        ROUND.replace("people-admitted", "in-hospital-deaths"),
        "in-hospital-deaths v1: one person may have any number of its admissions",
    ),
    "an unknown lane": (ROUND.replace("pooled", "poled"), "lane"),
    "a pooled outcome": (
        ROUND + "programmes:\n  - {innovation: deterioration-programme, outcome: people-admitted}\n",
        "the round does not ask for its measure `people-admitted` in the site lane",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_rounds_that_cannot_be_pooled_are_refused(what: str, four: Path, tmp_path: Path) -> None:
    text, says = REFUSED[what]
    folder = copy_of(four, tmp_path / "network")
    (folder / "rounds/2024-12.yaml").write_text(text)
    before = tree(folder)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 3, result.stderr
    assert says in " ".join(result.stderr.split())
    assert tree(folder) == before
