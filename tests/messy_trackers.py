"""Trackers as programmes keep them, made from a known truth by seeded rules."""

import csv
import io
import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import openpyxl

from rounds.network.members import Member, Membership

AS_OF = date(2025, 3, 31)
PLACES = (
    "Aldermere", "Brackenford", "Copperdale", "Dunwick", "Elmstow", "Fallowfield", "Greywater", "Hollinbeck",
    "Inverholme", "Jessamy", "Kestrel Bay", "Larkhaven", "Mossgate", "Netherquay", "Oakenshade", "Pellworth",
    "Quillbrook", "Rookhope", "North Silverfen", "South Silverfen", "East Tarnwick", "West Tarnwick",
    "St Osyth", "Upton upon Wold",
)  # fmt: skip
KINDS = ("University Hospitals NHS Foundation Trust", "General Hospital NHS Trust", "Community Healthcare NHS Trust")
SHORT = {
    "University": ("Univ", "Uni", "University", "Univeristy"),
    "Hospitals": ("Hosps", "Hospital", "Hospitals", "Hosptials"),
    "Hospital": ("Hosp", "Hospital", "hospital"),
    "NHS Foundation Trust": ("NHS FT", "NHSFT", "NHS Foundation Trust", "FT", "N.H.S. F.T."),
    "NHS Trust": ("NHS Trust", "NHST", "Trust", "NHS Trust."),
    "General": ("Gen", "General", "Gen."),
    "Community": ("Comm", "Community"),
    "St ": ("St ", "St. ", "Saint "),
}


@dataclass(frozen=True, kw_only=True)
class Truth:
    """One member and when it truly went live, if it did."""

    code: str
    name: str
    live: date | None


def members(seed: int, count: int = 54) -> list[Truth]:
    rng = random.Random(seed)  # noqa: S311 - a tracker is no secret
    names = [f"{place} {kind}" for place in PLACES for kind in KINDS]
    rng.shuffle(names)
    first = date(2021, 4, 1)
    return [
        Truth(
            code=f"Z{number:02}",
            name=name,
            live=first + timedelta(days=rng.randrange(1400)) if rng.random() < 0.8 else None,
        )
        for number, name in enumerate(names[:count])
    ]


def written(name: str, rng: random.Random) -> str:
    """Return a name as somebody writes it: abbreviated, misspelt in a word that says what it is, in other letters."""
    for whole, others in SHORT.items():
        name = name.replace(whole, rng.choice(others))
    name = rng.choice((name, name.upper(), name.title(), f" {name} ", name.replace(" ", "  ")))
    return rng.choice((name, f"The {name}", name))


def misspelt(name: str, rng: random.Random) -> str:
    """Return a name with a slip in the word that tells it from others, or without one of its words."""
    words = name.split()
    if rng.random() < 0.5 and len(words[0]) > 4:
        at = rng.randrange(1, len(words[0]) - 2)
        slipped = words[0][:at] + words[0][at + 1] + words[0][at] + words[0][at + 2 :]
        return " ".join([slipped if slipped != words[0] else words[0] + "e", *words[1:]])
    return " ".join(word for word in words if word not in ("University", "General", "Community"))


def when(day: date, rng: random.Random) -> object:
    """Return a day as somebody writes it; whatever is written is true of the day."""
    financial = day.year if day.month >= 4 else day.year - 1
    quarter = (day.month - 4) % 12 // 3 + 1
    return rng.choice(
        (
            day,
            f"{day:%d/%m/%Y}",
            f"{day.day} {day:%B %Y}",
            f"{day:%b-%y}",
            f"Q{quarter} {financial % 100}/{(financial + 1) % 100:02}",
            f"Q{quarter} {financial}/{(financial + 1) % 100:02}",
            f"{financial}/{(financial + 1) % 100:02}",
            f"{day:%Y-%m-%d}",
        )
    )


def make_tracker(path: Path, truth: list[Truth], *, seed: int, slips: float = 0.15) -> dict[str, str]:
    """Write a tracker of a truth, and return which code each name in it truly means, by name as written."""
    rng = random.Random(seed)  # noqa: S311 - a tracker is no secret
    with_status, with_code = rng.random() < 0.5, rng.random() < 0.3
    heading = rng.choice(("Trust", "Site name", "Organisation", "Provider"))
    header: list[object] = [*(["ODS code"] if with_code else []), heading, *(["Status"] if with_status else [])]
    header += [rng.choice(("Go live", "Go-live date", "Date live")), "Comments"]
    rows: list[list[object]] = []
    means: dict[str, str] = {}
    for one in truth:
        name = misspelt(one.name, rng) if rng.random() < slips else written(one.name, rng)
        means[" ".join(name.split())] = one.code
        status = (
            rng.choice(("Live", "3 - Live", "Gone live")) if one.live else rng.choice(("Not started", "TBC", "N/A"))
        )
        moment = when(one.live, rng) if one.live else rng.choice(("TBC", None, "n/a", "-"))
        row = [
            *([one.code] if with_code else []),
            name,
            *([status] if with_status else []),
            moment,
            rng.choice((None, "ok")),
        ]
        rows += [row, row] if rng.random() < 0.1 else [row]
    top: list[list[object]] = [["Programme tracker"], ["Last updated by the team"], []][: rng.randrange(1, 4)]
    blank = [[], header] if rng.random() < 0.2 else []
    cells = [*top, header, *rows[:20], *blank, *rows[20:], [], ["Total", len(rows)]]
    if path.suffix == ".csv":
        text = io.StringIO()
        csv.writer(text, delimiter=rng.choice(",;\t")).writerows(cells)
        path.write_bytes(text.getvalue().encode("cp1252"))
    else:
        book = openpyxl.Workbook()
        sheet = book.active
        assert sheet is not None
        for at, row in enumerate(cells, start=1):
            for place, cell in enumerate(row, start=1):
                sheet.cell(at, place, cell)
        sheet.merge_cells(start_row=1, start_column=1, end_row=1, end_column=len(header))
        book.save(path)
    return means


def membership(truth: list[Truth]) -> Membership:
    joined = date(2020, 1, 1)
    return Membership(
        members=tuple(
            Member(ods_code=one.code, name=one.name, kind="trust", region="North", joined=joined) for one in truth
        )
    )


def network(folder: Path, truth: list[Truth]) -> Path:
    """Write a network of these members with nothing recorded yet."""
    (folder / "rounds").mkdir(parents=True)
    rows = [f"{one.code},{one.name},trust,North,2020-01-01,\n" for one in truth]
    (folder / "members.csv").write_text("ods_code,name,kind,region,joined,left\n" + "".join(rows))
    (folder / "network.yaml").write_text("id: n\nname: N\nsites: [{id: one, folder: sites/one}]\n")
    (folder / "rounds" / "r.yaml").write_text(
        "id: r\ntitle: R\nas_of: 2025-03-31\nfirst: 2024-01-01\nlast: 2024-12-31\n"
        "measures: [{id: cardiac-arrests, version: 1}]\n"
    )
    return folder
