"""Two people at a site, each in a process of their own, and a centre that waits for them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from approval_site import ADA, BEN, CAI, EVE, PEOPLE, SETTINGS, said
from network_copy import TODAY, rounds, tree

ROUND = """id: "2024"
title: Two months
asked_by: Eve Example
as_of: 2024-03-01
first: 2024-01-01
last: 2024-02-29
measures:
  - {id: ae-over-4-hours, version: 1}
"""
MEMBERS = (
    "ods_code,name,kind,region,joined,left\nZZ1,One,hospital,North,2020-01-01,\nZZ2,Two,hospital,North,2020-01-01,\n"
)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """Two sites that hold published data. The second asks for two people."""
    folder = tmp_path / "network"
    for number, approval in ((1, "library"), (2, "two")):
        own = folder / f"sites/site-{number}"
        own.mkdir(parents=True)
        settings = SETTINGS.replace("publisher", f"site-{number}").replace("policy: ours", "policy: open")
        (own / "site.yaml").write_text(f"{settings}approval: {approval}\n")
        (own / "late.csv").write_text(
            f"org,month,late,all\nZZ{number},2024-01-01,20,200\nZZ{number},2024-02-01,30,300\n"
        )
        (own / "people.yaml").write_text(PEOPLE)
    (folder / "network.yaml").write_text(
        "id: n\nname: N\nsites:\n  - {id: site-1, folder: sites/site-1}\n  - {id: site-2, folder: sites/site-2}\n"
    )
    (folder / "members.csv").write_text(MEMBERS)
    (folder / "rounds").mkdir()
    (folder / "rounds/2024.yaml").write_text(ROUND)
    return folder


def _digest(site: Path) -> str:
    """Return what a person would copy from the list of what waits."""
    listed = json.loads(rounds("--json", "site", "requests", site, "--today", TODAY).stdout)
    (command,) = [line for line in listed["requests"][0]["says"] if line.startswith("Say yes")]
    return str(command.split()[-1])


def _approve(site: Path, who: str, digest: str) -> list[str]:
    arguments = ["site", "approve", str(site), "--round", "2024", "--as", who, "--digest", digest, "--today", TODAY]
    return [sys.executable, "-m", "rounds", *arguments]


@pytest.mark.slow
def test_a_round_waits_for_two_people_and_goes_on_when_they_have_said_yes(network: Path) -> None:
    site, exchange = network / "sites/site-2", network / "exchange"
    waits = rounds("run", network, "--today", TODAY)
    assert waits.returncode == 6, waits.stderr
    assert "1 of 2 sites waits for its own people's approval; the sites that answered" in waits.stderr
    assert f"rounds site approve {site} --round 2024 --as NAME --digest" in waits.stderr
    assert not (exchange / "2024/replies/site-2.json").exists()

    kept = network.parent / "seen.json"
    through = ("--exchange", exchange, "--round", "2024", "--today", TODAY)
    seen = rounds("site", "preview", site, *through, "--as", CAI, "--save", kept)
    assert seen.returncode == 0, seen.stderr
    assert f"asked by   {EVE}" in seen.stdout
    assert "ZZ2     2024-02-01         30          300" in seen.stdout

    digest = _digest(site)
    _approve_at_once(site, (ADA, ADA), digest, codes=[0, 5])
    _approve_at_once(site, (CAI, BEN), digest, codes=[0, 5])
    whole = rounds("--json", "run", network, "--today", TODAY)
    assert whole.returncode == 0, whole.stderr
    assert json.loads(whole.stdout)["rounds"]["2024"]["sites_in"] == ["site-1", "site-2"]
    assert said((exchange / "2024/replies/site-2.json").read_bytes()) == kept.read_bytes()
    assert rounds("audit", network).returncode == 0


def _approve_at_once(site: Path, people: tuple[str, str], digest: str, *, codes: list[int]) -> None:
    """Two processes that neither wait for each other nor both succeed."""
    both = [
        subprocess.Popen(_approve(site, who, digest), stderr=subprocess.PIPE, stdout=subprocess.PIPE) for who in people
    ]
    said = [one.communicate()[1].decode() for one in both]
    assert sorted(one.returncode for one in both) == codes, said
    assert "Traceback" not in "".join(said)


@pytest.mark.slow
def test_a_refusal_reaches_the_centre_as_it_was_signed(network: Path) -> None:
    site, through = network / "sites/site-2", ("--exchange", network / "exchange", "--round", "2024", "--today", TODAY)
    assert rounds("centre", "ask", network, "--today", TODAY).returncode == 0
    why = "Our agreement does not cover it."
    refused = rounds("site", "refuse", site, *through, "--as", ADA, "--because", why)
    assert refused.returncode == 0, refused.stderr
    path = network / "exchange/2024/replies/site-2.json"
    signed = path.read_text()
    path.write_text(signed.replace(why, "They are idle."))
    before = tree(network)
    changed = rounds("centre", "publish", network, "--partial", "--today", TODAY)
    assert changed.returncode == 3
    assert "the signature of site-2 does not fit" in changed.stderr
    assert tree(network) == before
    path.write_text(signed)
    assert f"site-2: refused: {why}" in rounds("status", network).stdout
    published = rounds("centre", "publish", network, "--today", TODAY)
    assert published.returncode == 4
    assert f"site site-2 has refused: {why}" in published.stderr
