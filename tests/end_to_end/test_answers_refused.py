"""Replies that are properly signed and still wrong: what they say is checked, not only who said it."""

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from network_copy import TODAY, copy_of, rounds, tree

from rounds.exchange.signing import own_key

Change = Callable[[dict[str, Any]], None]


def _columns(message: dict[str, Any], table: int = 0) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = message["body"]["tables"][table]["columns"]
    return columns


def _drop_rows(message: dict[str, Any]) -> None:
    for column in _columns(message).values():
        del column[3:6]


def _no_rows(message: dict[str, Any]) -> None:
    for column in _columns(message).values():
        column.clear()


def _second_member(message: dict[str, Any]) -> None:
    columns = _columns(message)
    for name, column in columns.items():
        columns[name] = [*column, *(["ZZ1"] * len(column) if name == "member" else column)]


def _huge(message: dict[str, Any]) -> None:
    columns = _columns(message, 2)
    columns["numerator_value"][0] = columns["numerator_lower"][0] = columns["numerator_upper"][0] = 100_000


def _level(message: dict[str, Any]) -> None:
    columns = _columns(message, 1)
    columns["age_band"] = ["elderly" if band == "80+" else band for band in columns["age_band"]]


def _future(message: dict[str, Any]) -> None:
    _columns(message)["period"][0] = "2031-01-01"


def _strata(message: dict[str, Any]) -> None:
    message["body"]["tables"][0]["strata"] = ["sex"]
    _columns(message)["sex"] = ["female"] * len(_columns(message)["period"])


def _another_table(message: dict[str, Any]) -> None:
    del message["body"]["tables"][1]


def _member(message: dict[str, Any]) -> None:
    for table in message["body"]["tables"]:
        table["columns"]["member"] = ["ZZ9"] * len(table["columns"]["member"])


def _other_member(message: dict[str, Any]) -> None:
    for table in message["body"]["tables"]:
        table["columns"]["member"] = ["ZZ1"] * len(table["columns"]["member"])


WRONG: dict[str, tuple[Change, str]] = {
    "rows left out": (_drop_rows, "it is not about one member with just the 24 rows"),
    "no rows at all": (_no_rows, "it is not about one member with just the 24 rows"),
    "a second member beside its own": (_second_member, "it is not about one member with just the 24 rows"),
    "a numerator above its denominator": (_huge, "a numerator is above its denominator"),
    "a level nobody registered": (_level, "age_band has levels that are not registered"),
    "a period nobody asked for": (_future, "it holds periods that were not asked for"),
    "other strata": (_strata, "split by sex instead of nothing"),
    "a table left out": (_another_table, "was asked for cardiac-arrests v1, in-hospital-deaths v1"),
    "a member nobody knows": (_member, "it answers for ZZ9, which is not in members.csv"),
    "a member of another site": (_other_member, "both answer for member ZZ1"),
}


def _forge(folder: Path, change: Change) -> None:
    """Change hospital-02's reply and sign it again with hospital-02's own key."""
    path = next((folder / "exchange").rglob("replies/hospital-02.json"))
    message = json.loads(path.read_bytes())
    change(message)
    del message["signature"]
    signed = own_key(folder / "sites/hospital-02").sign(
        json.dumps(message, sort_keys=True, separators=(",", ":")).encode()
    )
    message["signature"] = base64.b64encode(signed).decode()
    path.write_text(json.dumps(message))


@pytest.mark.parametrize("what", WRONG)
def test_a_signed_reply_that_is_wrong_is_refused(what: str, finished: Path, tmp_path: Path) -> None:
    change, says = WRONG[what]
    folder = copy_of(finished, tmp_path / "network")
    shutil.rmtree(folder / "centre/rounds/2024-12/received")
    _forge(folder, change)
    before = tree(folder)
    result = rounds("centre", "publish", folder, "--today", TODAY)
    assert result.returncode == 3, result.stderr
    assert says in result.stderr
    assert tree(folder) == before


def test_a_forged_reply_that_changes_nothing_is_accepted(finished: Path, tmp_path: Path) -> None:
    """The forger of these tests works: what is refused above is refused for what it says."""
    folder = copy_of(finished, tmp_path / "network")
    shutil.rmtree(folder / "centre/rounds/2024-12/received")
    _forge(folder, lambda _: None)
    assert rounds("centre", "publish", folder, "--today", TODAY).returncode == 0


def test_a_second_answer_of_a_site_is_refused(finished: Path, tmp_path: Path) -> None:
    """Signed by the site and right in itself, but not what the centre took in and published."""
    folder = copy_of(finished, tmp_path / "network")
    _forge(folder, lambda message: message.update(issued="2025-06-01"))
    before = tree(folder)
    result = rounds("centre", "publish", folder, "--today", TODAY)
    assert result.returncode == 3, result.stderr
    assert "hospital-02 has answered round 2024-12 before with other bytes" in result.stderr
    assert tree(folder) == before


def test_a_lost_exchange_folder_is_filled_again_without_counting(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    shutil.rmtree(folder / "exchange")
    shutil.rmtree(folder / "centre/rounds/2024-12/received")
    shutil.rmtree(folder / "outputs")
    again = rounds("run", folder, "--today", TODAY)
    assert again.returncode == 0, again.stderr
    assert tree(folder / "outputs") == tree(finished / "outputs")


@pytest.mark.slow
def test_a_site_can_join_long_after_its_request_expired(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    for place in ("exchange/2024-12/replies", "centre/rounds/2024-12/received"):
        (folder / place / "hospital-02.json").unlink()
    (folder / "sites/hospital-02/ledger.db").unlink()
    (folder / "sites/hospital-02/audit.jsonl").unlink()
    late = rounds("run", folder, "--today", "2026-02-01")
    assert late.returncode == 0, late.stderr
    assert rounds("audit", folder).returncode == 0


def test_a_log_that_was_deleted_or_cut_is_noticed(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    path = folder / "centre/audit.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:2]))
    cut = rounds("audit", folder)
    assert cut.returncode == 1
    assert "things happened that the log does not tell" in cut.stderr
    (folder / "sites/hospital-01/audit.jsonl").unlink()
    path.write_bytes((finished / "centre/audit.jsonl").read_bytes())
    gone = rounds("audit", folder)
    assert gone.returncode == 1
    assert "hospital-01" in gone.stderr


def test_both_sides_show_the_same_fingerprints(finished: Path) -> None:
    centre = json.loads(rounds("--json", "centre", "keys", finished).stdout)["keys"]
    site = json.loads(rounds("--json", "site", "keys", finished / "sites/hospital-01").stdout)["keys"]
    assert centre["hospital-01"] == site["own key"]
    assert site["centre"] == centre["own key"]
