"""What a site's owner should know about an import. It stays at the site: its counts are exact."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rounds.records.importing.made import Made


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about some rows that the site's owner should know, with their number."""

    where: str
    what: str
    rows: int

    def __str__(self) -> str:
        return f"{self.where}: {self.rows:,} {'row' if self.rows == 1 else 'rows'} {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedCode:
    """A code of the source that no concept was found for; its rows carry concept 0."""

    origin: str
    """the resource or file it came from"""
    system: str
    code: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of the resources or rows of one kind. The outcomes of a kind add up to all that were read."""

    origin: str
    outcome: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """Everything an import has to tell."""

    site: str
    source: str
    day: date
    rows: tuple[tuple[str, int], ...]
    """(table, rows) of the new generation"""
    made: Made
    """how; it lies beside the tables, for the import that adds to them"""
    outcomes: tuple[Outcome, ...] = ()
    unmapped: tuple[UnmappedCode, ...] = ()
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def unmapped_rows(self) -> int:
        return sum(code.rows for code in self.unmapped)

    def summary(self) -> str:
        """Return the report in a few lines, for the terminal."""
        lines = [f"{self.site}: {self.source} imported"]
        lines += [f"  {table:<22}{rows:>14,} rows" for table, rows in self.rows]
        left = [outcome for outcome in self.outcomes if not outcome.outcome.startswith("imported")]
        lines += [f"  {outcome.origin}: {outcome.number:,} not imported: {outcome.outcome}" for outcome in left]
        if self.unmapped:
            lines.append(
                f"  {len(self.unmapped):,} codes are not mapped ({self.unmapped_rows:,} rows carry concept 0); "
                f"the most frequent is {self.unmapped[0].code} of {self.unmapped[0].system}"
            )
        lines += [f"  {finding}" for finding in self.findings]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def markdown(self) -> str:
        """Return the whole report."""
        parts = [
            f"# Import of {self.source}",
            f"Site {self.site}, {self.day}. This report holds exact counts: it stays at the site.",
            "## Tables",
            _table(("table", "rows"), ((table, f"{rows:,}") for table, rows in self.rows)),
        ]
        if self.outcomes:
            rows = ((item.origin, item.outcome, f"{item.number:,}") for item in self.outcomes)
            parts += ["## What became of everything that was read", _table(("what", "outcome", "number"), rows)]
        if self.unmapped:
            codes = ((code.origin, code.system, code.code, f"{code.rows:,}") for code in self.unmapped)
            parts += [
                "## Codes without a concept",
                "Their rows carry concept 0. Add them to the code map, or bring the vocabulary up to date.",
                _table(("from", "system", "code", "rows"), codes),
            ]
        if self.findings:
            found = ((finding.where, finding.what, f"{finding.rows:,}") for finding in self.findings)
            parts += ["## Findings", _table(("where", "what", "rows"), found)]
        if self.notes:
            parts += ["## Notes", "\n".join(f"- {note}" for note in self.notes)]
        return "\n\n".join(parts) + "\n"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
