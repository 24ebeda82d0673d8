"""Make a network of NHS trusts from published A&E statistics: every trust's four-hour performance, month by month.

    python examples/published_ae.py DATA OUT

DATA holds the folders nhs_england_healthyr, nhsr_datasets, nhs_organisations_2022, geography_nhs and nhs_trust_mapping.
Two rounds are made, for the sources differ: all departments from April 2021 to July 2025, and major (type 1)
departments from April 2016 to March 2019.

Who is a member. Every trust with a row that is counted, so that no row is refused and none is dropped. Trusts that have
closed are members of their own: their past is not added to the trust they joined, whose own past it is not. A trust

- is named as in the 2022 lists; else as in the older list; else by its code and the trust that succeeded it;
- lies in the region of the 2022 list; a closed one in that of the trust that succeeded it (by the list of successions,
  then by that of mergers, followed until a trust that is in the 2022 list);
- belongs from the day it opened (in the 2022 list), or the first month it reports if there is none or that is earlier;
- belongs until the day it closed or was succeeded, or the end of the last month it reports if that is later: Heart of
  England (RR1) reported for three months after its merger.

Nobody published a four-hour number for the 14 trusts that took part in the pilot of other standards: those months are
left out, not zero.
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import DefinitionError, RoundsError
from rounds.network.members import Member, Membership
from rounds.storage.atomic import write_file, write_folder

ALL_FILE: Final = "nhs_england_healthyr/england_trust_accidents_emergency.csv"
TYPE1_FILE: Final = "nhsr_datasets/ae_attendances.csv"
TRUSTS_FILE: Final = "nhs_organisations_2022/etr.csv"
OLDER_TRUSTS_FILE: Final = "nhs_trust_mapping/trust_list.csv"
REGIONS_FILE: Final = "geography_nhs/lookup_nhs_trusts22_nhs_region21.csv"
SUCCESSIONS_FILE: Final = "geography_nhs/lookup_trust_trust.csv"
MERGERS_FILE: Final = "nhs_trust_mapping/trust_mergers.csv"
FILES: Final = (
    ALL_FILE,
    TYPE1_FILE,
    TRUSTS_FILE,
    OLDER_TRUSTS_FILE,
    REGIONS_FILE,
    SUCCESSIONS_FILE,
    MERGERS_FILE,
)

ALL_ROUND: Final = "ae-2021-2025"
TYPE1_ROUND: Final = "ae-type1-2016-2019"

ALL_SITE_YAML: Final = """\
# A&E attendances of all types by trust and month, as NHS England published them.
site: nhs-england
policy: open
published:
  file: england_trust_accidents_emergency.csv
  organisation: nhs_trust22_code
  period: date
  date_format: "%B %Y"
  measures:
    ae-over-4-hours: {numerator: attendances_over_4hours, denominator: total_attendances}
"""
TYPE1_SITE_YAML: Final = """\
# A&E attendances by organisation, type of department and month, as the NHS-R community collected them.
site: nhs-r
policy: open
published:
  file: ae_attendances.csv
  organisation: org_code
  period: period
  filters: {type: ["1"]}
  measures:
    ae-type1-over-4-hours: {numerator: breaches, denominator: attendances}
"""
ROUNDS: Final = {
    ALL_ROUND: f"""\
id: {ALL_ROUND}
title: A&E attendances over four hours, April 2021 to July 2025
as_of: 2025-08-31
first: 2021-04-01
last: 2025-07-31
measures:
  - {{id: ae-over-4-hours, version: 1, sites: [nhs-england]}}
""",
    TYPE1_ROUND: f"""\
id: {TYPE1_ROUND}
title: Major A&E departments, April 2016 to March 2019
as_of: 2019-04-30
first: 2016-04-01
last: 2019-03-31
measures:
  - {{id: ae-type1-over-4-hours, version: 1, sites: [nhs-r]}}
""",
}
NETWORK_YAML: Final = """\
id: english-ae
name: A&E departments of English NHS trusts
sites:
  - {id: nhs-england, folder: sites/nhs-england}
  - {id: nhs-r, folder: sites/nhs-r}
centre: {folder: centre}
exchange: exchange
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the lists say of a trust."""

    name: str
    opened: date | None = None
    closed: date | None = None
    """its last day"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """Everything that is known about trusts, by ODS code."""

    trusts: dict[str, Trust]
    names: dict[str, str]
    regions: dict[str, str]
    closed: frozenset[str]
    """codes that the list of regions calls closed"""
    successors: dict[str, tuple[str, date]]
    """the trust that succeeded a closed one, and since when"""

    def today(self, code: str) -> str:
        """Return the trust that a code lives on in, following successions to a trust with a region."""
        seen = {code}
        while code not in self.regions:
            if code not in self.successors or self.successors[code][0] in seen:
                raise DefinitionError(f"trust {code} is in no list of trusts, successions or mergers; add it to one")
            code = self.successors[code][0]
            seen.add(code)
        return code


def read_lists(data: Path) -> Lists:
    """Return what the lists of organisations say, the newest first."""
    trusts = dict(_trusts(data / OLDER_TRUSTS_FILE)) | dict(_trusts(data / TRUSTS_FILE))
    regions = pl.read_csv(data / REGIONS_FILE).filter(pl.col("nhs_region21_name").is_not_null())
    successors: dict[str, tuple[str, date]] = {}
    merged = pl.read_csv(data / MERGERS_FILE).rename(
        {"trust_code_old": "old_code", "trust_code_new": "new_code", "from_date": "date"}
    )
    # Where two lists or two rows name a successor, the first stands: successions before mergers, in the list's order.
    for table in (pl.read_csv(data / SUCCESSIONS_FILE), merged):
        for old, new, since in table.select("old_code", "new_code", "date").iter_rows():
            successors.setdefault(old, (new, date.fromisoformat(since)))
    return Lists(
        trusts=trusts,
        names={
            code: _small_words(name)
            for code, name in regions.select("nhs_trust22_code", "nhs_trust22_name").iter_rows()
        },
        regions=dict(regions.select("nhs_trust22_code", "nhs_region21_name").iter_rows()),
        closed=frozenset(regions.filter(pl.col("status") == "closed")["nhs_trust22_code"]),
        successors=successors,
    )


def _trusts(path: Path) -> Iterator[tuple[str, Trust]]:
    """ODS's own files have no header: code, name, ..., day opened and day closed are cells 1, 2, 11 and 12."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for row in csv.reader(stream):
            yield row[0], Trust(name=_title(row[1]), opened=_compact(row[10]), closed=_compact(row[11]))


def _compact(text: str) -> date | None:
    return datetime.strptime(text, "%Y%m%d").date() if text else None  # noqa: DTZ007 - a calendar day


def _title(name: str) -> str:
    return _small_words(" ".join(word if word == "NHS" else word.capitalize() for word in name.split()))


def _small_words(name: str) -> str:
    first, *others = name.split()
    return " ".join([first, *(word.lower() if word in ("And", "Of", "The", "For", "In") else word for word in others)])


def reported(data: Path) -> dict[str, tuple[date, date]]:
    """Return the first and last month with a row that is counted, as their first days, by ODS code."""
    every = pl.read_csv(data / ALL_FILE).select(
        code="nhs_trust22_code", month=("1 " + pl.col("date")).str.to_date("%d %B %Y")
    )
    type1 = pl.read_csv(data / TYPE1_FILE).filter(pl.col("type") == "1")
    months = pl.concat([every, type1.select(code="org_code", month=pl.col("period").str.to_date())])
    spans = months.group_by("code").agg(pl.col("month").min().alias("first"), pl.col("month").max().alias("last"))
    return {code: (first, last) for code, first, last in spans.iter_rows()}


def members(data: Path) -> Membership:
    """Return every trust that reports, closed ones included, with dated membership."""
    lists = read_lists(data)
    return Membership(
        members=tuple(_member(code, span, lists) for code, span in sorted(reported(data).items())),
    )


def _member(code: str, span: tuple[date, date], lists: Lists) -> Member:
    first, last = span
    trust = lists.trusts.get(code)
    own_name = lists.names.get(code) or (trust.name if trust is not None else None)
    opened = trust.opened if trust is not None else None
    return Member(
        ods_code=code,
        name=own_name or f"Closed trust {code}, now {lists.names[lists.today(code)]}",
        kind="NHS foundation trust" if own_name and "Foundation Trust" in own_name else "NHS trust",
        region=lists.regions[lists.today(code)],
        joined=min(opened or first, first),
        left=_left(code, last, lists),
    )


def _left(code: str, last: date, lists: Lists) -> date | None:
    """Return the first day a closed trust no longer belongs: after its closure, and after the last month it reports."""
    after_last = (last + timedelta(days=31)).replace(day=1)
    trust = lists.trusts.get(code)
    if trust is not None and trust.closed is not None:
        return max(trust.closed + timedelta(days=1), after_last)
    if code in lists.closed or code not in lists.regions:
        return max(lists.successors[code][1], after_last)
    return None


def prepare(data: Path, out: Path) -> Membership:
    """Write the network's folder, whole or not at all, and return its members.

    Raises:
        DefinitionError: if a file is missing or something is in the folder already.
    """
    for file in FILES:
        if not (data / file).exists():
            raise DefinitionError(f"{data / file} is missing; name the folder that holds {Path(file).parent}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DefinitionError(f"{out} is not empty, and nothing in it is overwritten; name a new folder")
    membership = members(data)
    texts = {
        "network.yaml": NETWORK_YAML,
        "members.csv": _members_csv(membership),
        "adoptions.csv": "ods_code,innovation,stage,date\n",
        "sites/nhs-england/site.yaml": ALL_SITE_YAML,
        "sites/nhs-r/site.yaml": TYPE1_SITE_YAML,
        **{f"rounds/{round_id}.yaml": text for round_id, text in ROUNDS.items()},
    }

    def fill(partial: Path) -> None:
        for path, text in texts.items():
            write_file(partial / path, text.encode())
        for file, site in ((ALL_FILE, "nhs-england"), (TYPE1_FILE, "nhs-r")):
            shutil.copyfile(data / file, partial / "sites" / site / Path(file).name)

    write_folder(out, fill)
    return membership


def _members_csv(membership: Membership) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("ods_code", "name", "kind", "region", "joined", "left"))
    writer.writerows((m.ods_code, m.name, m.kind, m.region, m.joined, m.left or "") for m in membership.members)
    return text.getvalue()


def main() -> int:
    """Prepare the network and say what to do next."""
    parser = argparse.ArgumentParser(description="Make a network of NHS trusts from published A&E statistics.")
    parser.add_argument("data", type=Path, metavar="DATA", help="folder that holds the published data sets' folders")
    parser.add_argument("out", type=Path, metavar="OUT", help="the network's folder to make")
    given = parser.parse_args()
    try:
        membership = prepare(given.data, given.out)
    except RoundsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    closed = sum(member.left is not None for member in membership.members)
    sys.stdout.write(
        f"The network lies in {given.out}: {len(membership.members)} trusts, {closed} of them closed by now. "
        f"Now run its two rounds:\n\n    rounds run {given.out}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
