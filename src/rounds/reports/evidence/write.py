"""Writes the self-assessment of an installation: a page, a table for Excel, JSON, and templates to fill in."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from rounds.network.assurance import Assurance, By, Statement
from rounds.reports.policy import POLICY
from rounds.storage.spreadsheet_text import csv_of

_REPORTS = Path(__file__).parents[1]
_PROJECT: Final = "https://github.com/sa-tre/satre-specification"
STATES: Final = {"met": "met", "partly": "partly met", "not-yet": "not met yet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One piece of generated evidence: what it is called in the standard's file, and what was found here."""

    name: str
    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is assessed: a network's folder, or one site's."""

    name: str
    made_on: date
    version: str
    evidence: tuple[Evidence, ...]

    def missing(self, assurance: Assurance) -> tuple[str, ...]:
        """Return the names of evidence that a statement asks for and that is not there."""
        wanted = {name for one in assurance.of(By.HELPED) for name in one.evidence}
        return tuple(sorted(wanted - {one.name for one in self.evidence}))


def write_evidence(folder: Path, *, assurance: Assurance, installation: Installation) -> Path:
    """Write the assessment into an empty folder and return its page. The same installation gives the same bytes.

    Args:
        folder: an existing, empty folder, which the caller swaps in when all is written.
        assurance: what the software says to each statement.
        installation: what was found here.
    """
    (folder / "satre.json").write_text(_json(assurance, installation), encoding="utf-8", newline="\n")
    (folder / "satre.csv").write_bytes(_table(assurance))
    templates = folder / "templates"
    templates.mkdir()
    left = [one for one in assurance.statements if one.by is not By.SOFTWARE]
    for part, statements in groupby(left, key=lambda one: one.part):
        text = _template(part, tuple(statements), installation)
        (templates / f"part-{part}.md").write_text(text, encoding="utf-8", newline="\n")
    environment = Environment(
        loader=PackageLoader("rounds.reports.evidence"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = lambda day: f"{day.day} {day:%B %Y}"
    page = environment.get_template("evidence.html").render(
        assurance=assurance, installation=installation, policy=POLICY, states=STATES, by=By, source=_PROJECT
    )
    (folder / "index.html").write_text(page, encoding="utf-8", newline="\n")
    style = (_REPORTS / "pages" / "templates" / "style.css").read_text(encoding="utf-8")
    (folder / "style.css").write_text(style, encoding="utf-8", newline="\n")
    return folder / "index.html"


def _json(assurance: Assurance, installation: Installation) -> str:
    fields = {"standard": asdict(assurance), "installation": asdict(installation)}
    return json.dumps(fields, indent=1, sort_keys=True, default=str) + "\n"


def _table(assurance: Assurance) -> bytes:
    columns = ("statement", "level", "topic", "by", "state", "claim", "tests", "evidence", "your answer", "owner")
    rows = []
    for one in assurance.statements:
        state = STATES[one.state] if one.state else ""
        tests, evidence = " ".join(one.tests), " ".join(one.evidence)
        rows.append((f"SATRE {one.id}", one.level, one.topic, one.by, state, one.claim, tests, evidence, "", ""))
    return csv_of(columns, rows, for_excel=True)


def _template(part: str, statements: Sequence[Statement], installation: Installation) -> str:
    lines = [
        f"# SATRE part {part}: to be answered by {installation.name}",
        "",
        f"Read each statement by its number in the specification ({_PROJECT}). What the software has written down to",
        "help is named; the answer is the organisation's.",
    ]
    titles = {one.name: one.title for one in installation.evidence}
    for one in statements:
        lines += ["", f"## {one.id} ({one.level}): {one.topic}", ""]
        lines += [f"- Generated evidence: {titles.get(name, name + ' (none here yet)')}" for name in one.evidence]
        lines += ["- Answer:", "- Document and version:", "- Owner:", "- Next review:"]
    return "\n".join(lines) + "\n"
