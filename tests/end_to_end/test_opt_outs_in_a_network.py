"""A network of which one hospital honours the national data opt-out, from the command line."""

import json
import os
from pathlib import Path

import polars as pl
import pytest
from network_copy import TODAY, copy_of, rounds, tree
from opted_out_site import valid_numbers

from rounds.storage.audit_log import LEDGER, read_log
from rounds.storage.release_store import RELEASE_SCHEMA, read_answer
from rounds.storage.sqlite_file import reading

SITE = "sites/hospital-01"
ROUND = "2024-12"


def _said(folder: Path) -> object:
    """Return the tables in the hospital's answer."""
    with reading(folder / SITE / LEDGER, schema=RELEASE_SCHEMA) as connection:
        answer = read_answer(connection, ROUND)
    assert answer is not None
    return json.loads(answer.reply)["body"]["tables"]


@pytest.mark.slow
def test_an_answer_is_as_if_they_had_never_been_there(network: Path, tmp_path: Path) -> None:
    folder, less = copy_of(network, tmp_path / "network"), copy_of(network, tmp_path / "less")
    site = folder / SITE
    people = pl.read_parquet(site / "records/person.parquet")["person_id"].sort().to_list()
    out = people[::7]
    numbers = valid_numbers(len(people))
    rows = "".join(f"{person},{number}\n" for person, number in zip(people, numbers, strict=True))
    (site / "numbers.csv").write_text("person_id,nhs_number\n" + rows)
    with (site / "site.yaml").open("a") as settings:
        settings.write("opt_outs: {nhs_numbers: numbers.csv, without_number: exclude}\n")

    moment = ("--exchange", folder / "exchange", "--round", ROUND, "--today", TODAY)
    asks = rounds("centre", "ask", folder, "--today", TODAY)
    assert asks.returncode == 0, asks.stderr
    before = tree(folder / "exchange") | tree(site / "records")
    refused = rounds("site", "answer", site, *moment)
    assert refused.returncode == 5, refused.stderr
    assert "site hospital-01: it is not known who has opted out, and site.yaml has `opt_outs`" in refused.stderr
    assert tree(folder / "exchange") | tree(site / "records") == before
    assert not any(entry.event.action in ("prepared", "released") for entry in read_log(site / LEDGER))

    asked = rounds("site", "opt-outs", "request", site, "--out", tmp_path / "request.dat", "--today", TODAY)
    assert asked.returncode == 0, asked.stderr
    lines = (tmp_path / "request.dat").read_text().splitlines(keepends=True)
    assert lines == [f"{number},\n" for number in numbers]
    answer = tmp_path / "answer.dat"
    answer.write_text("".join(line for at, line in enumerate(lines) if at % 7))
    os.utime(answer, (0, 0))
    taken = rounds("--json", "site", "opt-outs", "take", site, answer, "--made-on", TODAY, "--today", TODAY)
    assert taken.returncode == 0, taken.stderr
    assert json.loads(taken.stdout) == {
        "site": "hospital-01", "allowed": len(people) - len(out), "asked": len(people)
    }  # fmt: skip
    done = rounds("site", "answer", site, *moment)
    assert done.returncode == 0, done.stderr

    for path in (less / SITE / "records").glob("*.parquet"):
        frame = pl.read_parquet(path)
        if "person_id" in frame.columns:
            frame.filter(~pl.col("person_id").is_in(out)).write_parquet(path)
    asks = rounds("centre", "ask", less, "--today", TODAY)
    assert asks.returncode == 0, asks.stderr
    moment = ("--exchange", less / "exchange", *moment[2:])
    done = rounds("site", "answer", less / SITE, *moment)
    assert done.returncode == 0, done.stderr
    assert _said(folder) == _said(less)

    assert not any(str(number) in path.read_text(errors="ignore") for number in numbers[:50]
                   for path in (folder / "exchange").rglob("*") if path.is_file())  # fmt: skip
