"""Sites that cannot answer, late sites, tampered and replayed messages: one clear message, and nothing changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from network_copy import TODAY, copy_of, rounds, tree


def _break_table(folder: Path) -> None:
    path = folder / "sites/hospital-02/records/visit_occurrence.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def _typo(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("policy:", "polcy:"))


def _weaken(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("policy: hes", "policy: open"))


def _unknown_policy(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("policy: hes", "policy: hess"))


def _no_policy(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("policy: hes\n", ""))


def _stranger(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("ZZ2", "ZZ9"))


def _gone(folder: Path) -> None:
    shutil.rmtree(folder / "sites/hospital-02")


def _twice(folder: Path) -> None:
    path = folder / "members.csv"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")


def _measure(folder: Path) -> None:
    path = next((folder / "rounds").glob("*.yaml"))
    path.write_text(path.read_text().replace("cardiac-arrests", "cardiac-arests"))


def _no_mapping(folder: Path) -> None:
    (folder / "network.yaml").write_text("- a\n- list\n")


def _other_id(folder: Path) -> None:
    path = folder / "sites/hospital-02/site.yaml"
    path.write_text(path.read_text().replace("site: hospital-02", "site: hospital-2"))


def _stage(folder: Path) -> None:
    path = next((folder / "rounds").glob("*.yaml"))
    path.write_text(path.read_text().replace("stage: embedded", "stage: planned"))


def _too_short(folder: Path) -> None:
    path = next((folder / "rounds").glob("*.yaml"))
    path.write_text(path.read_text().replace("first: 2023-01-01", "first: 2024-11-01"))


# what is broken: (how, exit code, what the message says)
BROKEN: dict[str, tuple[Callable[[Path], None], int, tuple[str, ...]]] = {
    "a truncated Parquet file": (_break_table, 3, ("hospital-02", "visit_occurrence.parquet")),
    "a typo in site.yaml": (_typo, 3, ("site.yaml line 3 column 1", "`polcy`", "did you mean `policy`?")),
    "a policy too weak for records": (_weaken, 5, ("site.yaml", "policy `open` is only for published data")),
    "an unknown policy": (_unknown_policy, 3, ("site.yaml", "there is no policy", "without a policy nothing leaves")),
    "no policy": (_no_policy, 3, ("site.yaml", "policy")),
    "a site of no member": (_stranger, 3, ("hospital-02", "ZZ9 is not in the network's members.csv")),
    "a site that is gone": (_gone, 3, ("hospital-02", "site.yaml")),
    "a member listed twice": (_twice, 3, ("members.csv", "ZZ1")),
    "a measure nobody knows": (_measure, 3, ("`cardiac-arests`", "did you mean `cardiac-arrests`?")),
    "a site that calls itself otherwise": (_other_id, 3, ("site.yaml", "`hospital-2`", "`hospital-02`")),
    "a stage at which nothing is in use": (_stage, 3, ("stage `planned`", "choose `live` or `embedded`")),
    "a round shorter than a quarter": (_too_short, 3, ("in-hospital-deaths", "no whole quarter")),
    "a network.yaml that is a list": (_no_mapping, 3, ("network.yaml line 1", "mapping")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_named_and_nothing_is_written(what: str, network: Path, tmp_path: Path) -> None:
    change, code, says = BROKEN[what]
    folder = copy_of(network, tmp_path / "network")
    change(folder)
    before = tree(folder)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == code, result.stderr
    for words in says:
        assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert tree(folder) == before


def test_a_refusal_to_disclose_outweighs_broken_records(network: Path, tmp_path: Path) -> None:
    folder = copy_of(network, tmp_path / "network")
    _weaken(folder)
    shutil.rmtree(folder / "sites/hospital-03/records")
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 5, result.stderr
    assert "2 of 3 sites cannot answer; nothing was written" in result.stderr


def _published(folder: Path) -> tuple[list[str], list[str]]:
    """Return whose numbers the pages say they rest on, and whose are missing."""
    found = json.loads((folder / "outputs/2024-12/insights.json").read_bytes())["provenance"]
    return found["sites_in"], found["sites_out"]


@pytest.mark.slow
def test_a_late_site_joins_without_the_others_doing_anything_again(network: Path, tmp_path: Path) -> None:
    folder = copy_of(network, tmp_path / "network")
    late, away = folder / "sites/hospital-03", tmp_path / "away"
    late.rename(away)
    partial = rounds("--json", "run", folder, "--partial", "--today", TODAY)
    assert partial.returncode == 4, partial.stderr
    assert json.loads(partial.stdout)["rounds"]["2024-12"]["sites_missing"] == ["hospital-03"]
    assert _published(folder) == (["hospital-01", "hospital-02"], ["hospital-03"])
    answered = {name: path for name, path in tree(folder).items() if "hospital-01" in name}
    away.rename(late)
    whole = rounds("--json", "run", folder, "--today", TODAY)
    assert whole.returncode == 0, whole.stderr
    everybody = ["hospital-01", "hospital-02", "hospital-03"]
    assert json.loads(whole.stdout)["rounds"]["2024-12"]["sites_in"] == everybody
    assert _published(folder) == (everybody, [])
    assert {name: path for name, path in tree(folder).items() if "hospital-01" in name} == answered


def _reply(folder: Path, site: str) -> Path:
    return next((folder / "exchange").rglob(f"replies/{site}.json"))


def _tamper(folder: Path) -> None:
    path = _reply(folder, "hospital-02")
    path.write_text(path.read_text().replace('"hes"', '"open"'))


def _swap_sites(folder: Path) -> None:
    shutil.copy(_reply(folder, "hospital-01"), _reply(folder, "hospital-02"))


@pytest.mark.parametrize(
    ("change", "says"),
    [(_tamper, "the signature of hospital-02 does not fit"), (_swap_sites, "from hospital-01 to centre")],
)
def test_a_reply_changed_on_its_way_is_refused(
    change: Callable[[Path], None], says: str, finished: Path, tmp_path: Path
) -> None:
    folder = copy_of(finished, tmp_path / "network")
    shutil.rmtree(folder / "centre/rounds/2024-12/received")
    change(folder)
    before = tree(folder)
    result = rounds("centre", "publish", folder, "--today", TODAY)
    assert result.returncode == 3
    assert says in result.stderr
    assert "replies/hospital-02.json" in result.stderr
    assert tree(folder) == before


def test_a_replayed_request_is_answered_from_the_ledger_and_an_expired_one_not(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    site, exchange = folder / "sites/hospital-01", folder / "exchange"
    arguments = ("site", "answer", site, "--exchange", exchange, "--round", "2024-12")
    before = tree(folder)
    shutil.rmtree(site / "records")
    again = rounds("--json", *arguments, "--today", TODAY)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["counted"] is False
    expired = rounds(*arguments, "--today", "2026-01-01")
    assert expired.returncode == 3
    assert "expired on 2025-07-30" in expired.stderr
    gone = "sites/hospital-01/records/"
    assert {name: one for name, one in before.items() if not name.startswith(gone)} == tree(folder)


def test_a_changed_round_needs_a_new_id(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    path = next((folder / "rounds").glob("*.yaml"))
    path.write_text(path.read_text().replace("first: 2023-01-01", "first: 2023-02-01"))
    before = tree(folder)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 1
    assert "was started with another plan" in result.stderr
    assert "give the changed round a new id" in result.stderr
    assert tree(folder) == before


def test_a_preview_shows_what_would_leave_and_leaves_nothing(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    before = tree(folder)
    site = folder / "sites/hospital-01"
    result = rounds("site", "preview", site, "--exchange", folder / "exchange", "--round", "2024-12", "--today", TODAY)
    assert result.returncode == 0, result.stderr
    assert "These numbers would leave:" in result.stdout
    assert "cardiac-arrests v1: 24 rows" in result.stdout
    people = pl.read_parquet(site / "records/person.parquet").height
    assert f"hospital-01: {people:,} people" in result.stderr, "what the records are is told to the site's owner"
    assert tree(folder) == before


def test_a_wrong_command_is_a_usage_error() -> None:
    result = rounds("run")
    assert result.returncode == 2
    assert "Missing argument" in result.stderr
