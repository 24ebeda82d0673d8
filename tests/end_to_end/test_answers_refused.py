"""Replies that are properly signed and still wrong: what they say is checked, not only who said it."""

import base64
import json
import shutil
import sqlite3
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
def test_a_site_can_join_long_after_its_request_expired(network: Path, tmp_path: Path) -> None:
    folder = copy_of(network, tmp_path / "network")
    records = folder / "sites/hospital-02/records"
    records.rename(records.with_name("not-yet"))
    assert rounds("run", folder, "--today", TODAY, "--partial").returncode == 4
    records.with_name("not-yet").rename(records)
    late = rounds("run", folder, "--today", "2026-02-01")
    assert late.returncode == 0, late.stderr
    assert rounds("audit", folder).returncode == 0


def test_a_site_that_forgot_what_it_answered_counts_nothing(finished: Path, tmp_path: Path) -> None:
    """Restored from before its answer, it is told by its own reply, and by the head that the centre sends back."""
    folder = copy_of(finished, tmp_path / "network")
    site = folder / "sites/hospital-02"
    (site / "ledger.db").unlink()
    answer = ("site", "answer", site, "--exchange", folder / "exchange", "--round", "2024-12", "--today", TODAY)
    refused = rounds(*answer)
    assert refused.returncode == 3
    assert "hospital-02.json holds a signed head of 6: it was cut or restored from an old backup" in refused.stderr
    shutil.rmtree(folder / "exchange/2024-12/replies")
    shutil.rmtree(folder / "centre/rounds/2024-12/asked")
    asked = rounds("centre", "ask", folder, "--today", TODAY)
    assert asked.returncode == 0, asked.stderr
    refused = rounds(*answer)
    assert refused.returncode == 3
    assert "the log of hospital-02 has 0 entries, but centre holds a signed head of 6" in refused.stderr
    assert not (folder / "exchange/2024-12/replies").exists()
    _fetches_its_history(folder, site, answer)


def _fetches_its_history(folder: Path, site: Path, answer: tuple[str | Path, ...]) -> None:
    """The centre lays down what it keeps, the site takes its own history from it, and both sides' logs are whole."""
    restore = ("site", "restore", site, "--exchange", folder / "exchange", "--today", TODAY)
    nothing = rounds(*restore)
    assert nothing.returncode == 3
    assert "centre holds a signed head of 6" in nothing.stderr
    assert rounds(*answer).returncode == 3
    given = rounds("centre", "give-back", folder, "--site", "hospital-02")
    assert "2 messages to and from hospital-02 lie in" in given.stdout, given.stderr
    restored = rounds(*restore)
    assert "6 entries of the log are known again, and what left with the answers 2024-12" in restored.stdout
    assert "had answered round 2024-12 before" in rounds(*answer).stdout
    audited = rounds("--json", "audit", folder)
    assert json.loads(audited.stdout)["entries"] == {
        "centre": 13,
        "hospital-01": 6,
        "hospital-02": 7,
        "hospital-03": 6,
    }, audited.stderr


def test_a_log_that_was_deleted_or_cut_is_noticed(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    path = folder / "centre/ledger.db"
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM log_entries WHERE sequence > 2")
    connection.close()
    cut = rounds("audit", folder)
    assert cut.returncode == 3
    assert "entry 3: the log's tree does not fit its entries from here" in cut.stderr
    (folder / "sites/hospital-01/ledger.db").unlink()
    shutil.copy(finished / "centre/ledger.db", path)
    gone = rounds("audit", folder)
    assert gone.returncode == 3
    assert "ledger.db: there is no log, but the site has answered" in gone.stderr
    alone = rounds("audit", "verify", folder / "sites/hospital-01")
    assert alone.returncode == 3
    assert "ledger.db: there is no log, but the site has answered" in alone.stderr


def test_a_reply_that_was_kept_and_then_changed_is_noticed(finished: Path, tmp_path: Path) -> None:
    folder = copy_of(finished, tmp_path / "network")
    kept = folder / "centre/rounds/2024-12/received/hospital-02.json"
    kept.write_bytes(kept.read_bytes().replace(b'"issued": "2025', b'"issued": "2024'))
    changed = rounds("audit", folder / "centre")
    assert changed.returncode == 3
    assert "does not tell what" in changed.stderr
    assert "received hospital-02, round 2024-12" in changed.stderr


def test_one_entry_is_proved_to_another_party(finished: Path, tmp_path: Path) -> None:
    site, key = finished / "sites/hospital-01", finished / "exchange/keys/hospital-01.pub"
    assert rounds("audit", "prove", site, "--entry", "6", "--to", tmp_path / "proof.json").returncode == 0
    proved = rounds("audit", "check-proof", tmp_path / "proof.json", "--key", key)
    assert proved.returncode == 0, proved.stderr
    assert "6. 2025-05-01 released centre, round 2024-12" in proved.stdout
    forged = rounds("audit", "check-proof", tmp_path / "proof.json", "--key", finished / "exchange/keys/centre.pub")
    assert forged.returncode == 3
    assert "is not signed with the key" in forged.stderr
    exported = rounds("audit", "export", finished / "centre")
    (tmp_path / "log.jsonl").write_text(exported.stdout)
    key = finished / "exchange/keys/centre.pub"
    verified = rounds("--json", "audit", "verify", tmp_path / "log.jsonl", "--key", key)
    assert json.loads(verified.stdout) == {"entries": {"centre": 13}, "ok": True}
    nowhere = rounds("audit", tmp_path)
    assert nowhere.returncode == 3
    assert "neither a network's folder, nor a centre's, nor a site's" in nowhere.stderr


def test_both_sides_show_the_same_fingerprints(finished: Path) -> None:
    centre = json.loads(rounds("--json", "centre", "keys", finished).stdout)["keys"]
    site = json.loads(rounds("--json", "site", "keys", finished / "sites/hospital-01").stdout)["keys"]
    assert centre["hospital-01"] == site["own key"]
    assert site["centre"] == centre["own key"]
