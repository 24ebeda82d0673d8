"""Networks at the edge of what there is to say. The pages say so, and nothing breaks."""

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from network_copy import TODAY, rounds, tree
from small_site import write_site

PEOPLE = range(1, 41)
FIRST = date(2024, 1, 1)
ROUND = """\
id: "2024-12"
title: A round of little
as_of: 2025-01-14
first: 2024-01-01
last: 2024-12-31
measures:
  - {id: cardiac-arrests, version: 1}
"""
PROGRAMME = "programmes:\n  - {innovation: deterioration-programme, outcome: cardiac-arrests, stage: embedded}\n"
ADOPTIONS = "ods_code,innovation,stage,date\n"
KILLED_WHILE_COUNTING = """
import os, signal, sys
if "answer" in sys.orig_argv and any(word.endswith("site-2") for word in sys.orig_argv):
    os.kill(os.getpid(), signal.SIGKILL)
"""
# An administrator may write everywhere, so permissions alone would not show it.
READ_ONLY_EXCHANGE = """
import os
_access = os.access
os.access = lambda path, mode: False if str(path).endswith("exchange") else _access(path, mode)
"""


def write_network(
    folder: Path, *, visits: tuple[int, ...], programme: bool = True, adoptions: str | None = ADOPTIONS
) -> Path:
    """Write a network in which each site has so many admissions a month, every third of them with an arrest."""
    sites = [f"site-{number}" for number in range(1, len(visits) + 1)]
    for number, (site, monthly) in enumerate(zip(sites, visits, strict=True), start=1):
        own = folder / "sites" / site
        days = [FIRST + timedelta(days=31 * month) for month in range(12) for _ in range(monthly)]
        rows = [(visit, PEOPLE[visit % 40], 9201, day, day) for visit, day in enumerate(days)]
        write_site(
            own / "records",
            person=[(person, 8532, 1950) for person in PEOPLE],
            observation_period=[(person, date(2020, 1, 1), date(2025, 1, 31)) for person in PEOPLE],
            visit_occurrence=rows,
            condition_occurrence=[(row[1], 321042, row[3]) for row in rows[::3]],
        )
        records = f"records: {{member: RX{number}, folder: records}}"
        (own / "site.yaml").write_text(f"site: {site}\npolicy: hes\n{records}\n")
    members = "".join(
        f"RX{number},Hospital {number},hospital,North,2020-01-01,\n" for number in range(1, len(visits) + 1)
    )
    (folder / "members.csv").write_text(f"ods_code,name,kind,region,joined,left\n{members}")
    if adoptions is not None:
        (folder / "adoptions.csv").write_text(adoptions)
    listed = "".join(f"  - {{id: {site}, folder: sites/{site}}}\n" for site in sites)
    (folder / "network.yaml").write_text(f"id: odd\nname: Odd network\nsites:\n{listed}")
    (folder / "rounds").mkdir()
    (folder / "rounds/2024-12.yaml").write_text(ROUND + (PROGRAMME if programme else ""))
    return folder


def published(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "outputs/2024-12/insights.json").read_bytes())
    return found


@pytest.mark.parametrize("programme", [True, False])
def test_a_measure_whose_denominator_is_0_everywhere_is_named_on_the_pages(programme: bool, tmp_path: Path) -> None:
    folder = write_network(tmp_path / "network", visits=(0, 0), programme=programme)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 0, result.stderr
    sentence = (
        "Nothing is said of cardiac arrests in hospital: no site has any admissions from 1 January 2024 to "
        "31 December 2024, so there is no rate."
    )
    found = published(folder)
    assert found["silences"][0] == sentence
    assert [insight["kind"] for insight in found["insights"]] == (["spread"] if programme else [])
    assert len(found["silences"]) == (2 if programme else 1)
    for page in ("index", "policy-maker", "researcher", "round"):
        assert sentence in (folder / f"outputs/2024-12/{page}.html").read_text(), page
    assert found["provenance"]["sites_in"] == ["site-1", "site-2"]


def test_a_demo_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    """A limit on the size of a file stands in for a full disk."""
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)); "
        "from rounds.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "demo", str(tmp_path / "demo"), "--only-make"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    refused = f"rounds: {tmp_path / 'demo'}: File too large; make room or give access, then run it again"
    assert result.stderr.splitlines() == [refused]
    assert list(tmp_path.iterdir()) == []


def test_a_demo_does_not_replace_the_folder_one_is_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = rounds("demo", ".", "--only-make")
    assert result.returncode == 3
    assert "name a new one" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_adoptions_that_are_missing_are_not_taken_for_none(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "network", visits=(12,), adoptions=None)
    before = tree(folder)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 3
    assert (
        "adoptions.csv is missing, and round 2024-12 asks how far deterioration-programme has spread" in result.stderr
    )
    assert tree(folder) == before


def test_one_site_and_no_programme_need_no_adoptions(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "nätwörk of one", visits=(12,), programme=False, adoptions=None)
    result = rounds("run", folder, "--today", TODAY)
    assert result.returncode == 0, result.stderr
    assert "Round 2024-12 is done: 1 site answered." in result.stdout
    assert published(folder)["silences"] == []


def test_a_site_that_is_killed_is_named_and_the_round_goes_on_from_there(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "network", visits=(12, 12), programme=False)
    (tmp_path / "sitecustomize.py").write_text(KILLED_WHILE_COUNTING)
    killed = rounds(
        "run", folder, "--today", TODAY, PYTHONPATH=f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    )
    assert killed.returncode == 1
    assert "1 of 2 sites cannot answer; the sites that answered will not be asked again" in killed.stderr
    assert "site-2: its process was killed (SIGKILL), perhaps for want of memory" in killed.stderr
    assert not (folder / "outputs").exists()
    kept = {name: digest for name, digest in tree(folder).items() if "site-1" in name}
    resumed = rounds("run", folder, "--today", TODAY)
    assert resumed.returncode == 0, resumed.stderr
    assert {name: digest for name, digest in tree(folder).items() if name in kept} == kept


def test_an_exchange_that_is_read_only_is_named_before_anything_is_written(tmp_path: Path) -> None:
    folder = write_network(tmp_path / "network", visits=(12,), programme=False)
    (folder / "exchange").mkdir()
    (tmp_path / "sitecustomize.py").write_text(READ_ONLY_EXCHANGE)
    before = tree(folder)
    path = f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    for command in (("run",), ("centre", "ask")):
        refused = rounds(*command, folder, "--today", TODAY, PYTHONPATH=path)
        assert refused.returncode == 1
        assert f"{folder / 'exchange'}: nothing can be written here" in refused.stderr
        assert tree(folder) == before
    assert rounds("run", folder, "--today", TODAY).returncode == 0
    again = rounds("run", folder, "--today", TODAY, PYTHONPATH=path)
    assert "was finished already; nothing was done" in again.stdout


def test_a_mean_of_few_is_withheld_and_shown_with_its_ends(tmp_path: Path) -> None:
    network = write_network(tmp_path / "network", visits=(40, 40))
    (declared,) = (network / "rounds").glob("*.yaml")
    declared.write_text(declared.read_text().replace("cardiac-arrests", "length-of-stay"))
    result = rounds("run", network, "--today", TODAY)
    assert result.returncode == 0, result.stderr
    document = published(network)
    assert document["measures"][0]["mean"] == {
        "shown_in": "nights",
        "low": 0.0,
        "high": 30.0,
        "step": 1.0,
        "most_each": 3,
    }
    # Nobody stays a night: a sum of nothing is withheld, and never shown as 0.
    pooled = next(one for one in document["insights"] if one["id"] == "pooled-length-of-stay-network")
    assert pooled["certainty"]["estimate"]["value"] is None
    assert pooled["certainty"]["estimate"]["lower"] == 0.0
    assert pooled["certainty"]["estimate"]["upper"] > 0.0
    # A programme may aim at a mean. Of this one nothing can be said, and nobody is claimed to have benefited.
    effect = next(one for one in document["insights"] if one["kind"] == "impact")
    assert effect["statement"].startswith("It cannot be said yet whether length of stay changed")
    assert effect["benefit"] is None
