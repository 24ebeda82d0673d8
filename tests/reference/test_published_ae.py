"""The A&E example against the published files themselves, added up by other means."""

import csv
import importlib.util
import shutil
import sys
from collections import defaultdict
from datetime import date, datetime
from pathlib import Path
from types import ModuleType

import pytest

from rounds.engines.published import PublishedCount, read_published
from rounds.errors import PublishedDataError
from rounds.measures.periods import periods_between
from rounds.site.folder import read_site
from rounds.storage.published_source import PublishedSource
from rounds.storage.workspace import Workspace, read_workspace

HELD_AGAINST = (("The A&E example", "NHS England's published files, added up by other means", "exact"),)

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not (DATA / "nhs_england_healthyr").is_dir(), reason="needs the published A&E data beside the repository"
)

Sums = dict[tuple[str, date], list[int]]


def load_example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_ae_example", ROOT / "examples" / "published_ae.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    out = tmp_path_factory.mktemp("ae") / "network"
    load_example().prepare(DATA, out)
    return read_workspace(out)


def source_of(workspace: Workspace, site: str) -> PublishedSource:
    entry = next(entry for entry in workspace.sites if entry.id == site)
    source = read_site(workspace.site_folder(entry)).source
    assert isinstance(source, PublishedSource)
    return source


def counted(workspace: Workspace, round_id: str) -> PublishedCount:
    declared = workspace.rounds_to_run(round_id)[0]
    asked = declared.measures[0]
    measure = workspace.library.measure(asked.id, asked.version)
    return read_published(
        measure,
        source_of(workspace, asked.sites[0]),
        member_codes={member.ods_code for member in workspace.membership.members},
        periods=periods_between(grain=measure.grain, first=declared.first, last=declared.last),
    )


def cells(published: PublishedCount) -> Sums:
    return {(member, month): [num, den] for member, month, num, den in published.count.cells.iter_rows()}


def rows_of(file: str) -> list[dict[str, str]]:
    with (DATA / file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_all_departments_agree_with_the_file(workspace: Workspace) -> None:
    expected: Sums = {}
    blank = 0
    for row in rows_of("nhs_england_healthyr/england_trust_accidents_emergency.csv"):
        month = datetime.strptime(row["date"], "%B %Y").date()  # noqa: DTZ007 - a calendar month
        if row["attendances_over_4hours"]:
            over, every = int(row["attendances_over_4hours"]), int(row["total_attendances"])
            expected[row["nhs_trust22_code"], month] = [over, every]
        else:
            blank += 1
    found = counted(workspace, "ae-2021-2025")
    assert cells(found) == expected
    assert found.not_published == blank == 354
    assert found.ignored_organisations == ()


def test_type_1_agrees_with_the_file(workspace: Workspace) -> None:
    expected: Sums = defaultdict(lambda: [0, 0])
    for row in rows_of("nhsr_datasets/ae_attendances.csv"):
        if row["type"] == "1":
            key = (row["org_code"], date.fromisoformat(row["period"]))
            expected[key][0] += int(row["breaches"])
            expected[key][1] += int(row["attendances"])
    found = counted(workspace, "ae-type1-2016-2019")
    assert cells(found) == expected
    assert len(expected) == 4932


def test_every_trust_that_reports_is_a_member_in_the_months_it_reports(workspace: Workspace) -> None:
    members = {member.ods_code: member for member in workspace.membership.members}
    reported = {
        key for round_id in ("ae-2021-2025", "ae-type1-2016-2019") for key in cells(counted(workspace, round_id))
    }
    assert {code for code, _ in reported} == set(members)
    assert [(code, month) for code, month in reported if not members[code].belongs_on(month)] == []
    assert len({member.region for member in members.values()}) == 7


def test_trusts_that_have_merged_are_kept_apart_with_the_day_they_left(workspace: Workspace) -> None:
    members = {member.ods_code: member for member in workspace.membership.members}
    left = {member.ods_code: member.left for member in members.values() if member.left is not None}
    # Weston and Taunton are only in the list of mergers, Pennine in both lists of organisations, RR1 reported on.
    assert left["RA3"] == left["RBA"] == date(2020, 4, 1)
    assert left["RW6"] == date(2021, 10, 1)
    assert left["RBZ"] == date(2022, 4, 1)
    assert left["RR1"] == date(2018, 7, 1)
    assert len(left) == 21
    assert members["RR1"].region == members["RRK"].region == "Midlands"
    assert members["RC1"].name == "Bedford Hospital NHS Trust"


def test_without_the_filter_the_three_types_are_refused_as_repeats(workspace: Workspace, tmp_path: Path) -> None:
    source = source_of(workspace, "nhs-r")
    shutil.copyfile(source.file, tmp_path / source.file.name)
    unfiltered = PublishedSource(
        file=tmp_path / source.file.name,
        organisation=source.organisation,
        period=source.period,
        filters={},
        measures=source.measures,
        dialect=source.dialect,
    )
    measure = workspace.library.measure("ae-type1-over-4-hours", 1)
    months = periods_between(grain=measure.grain, first=date(2017, 3, 1), last=date(2017, 3, 31))
    with pytest.raises(PublishedDataError, match=r"ae_attendances\.csv, line 3: .*already on line 2.*filters"):
        read_published(measure, unfiltered, member_codes={"RF4"} | _all_codes(), periods=months)


def _all_codes() -> set[str]:
    return {row["org_code"] for row in rows_of("nhsr_datasets/ae_attendances.csv")}
