"""The pipeline as a workbook that people fill in and hand back: a sheet for each table, and what follows from them."""

from datetime import date

from rounds.learning.spread.pipeline.rank import METHOD, Ranked
from rounds.learning.spread.pipeline.support import RULES, SupportSummary
from rounds.reports.content.pipeline import RANK_COLUMNS, rank_rows
from rounds.reports.insight import Cell, Mark
from rounds.reports.workbook import Rows, Workbook

Tables = tuple[tuple[str, tuple[str, ...], frozenset[str], list[tuple[str | float | date | None, ...]]], ...]
"""(table, columns, those that must be filled, rows)"""


def pipeline_workbook(
    *, network: str, tables: Tables, ranking: tuple[Ranked, ...], support: SupportSummary, made_on: date
) -> bytes:
    """Return the bytes of a workbook with a pipeline's tables, its ranking and what support came to.

    Args:
        network: its name.
        tables: what is recorded; a sheet each, its header the names of the columns.
        ranking: from the first on.
        support: each company and pound counted once.
        made_on: the day on the cover.
    """
    made = Workbook(f"{network}: innovation pipeline", made_on=made_on)
    about = [
        (table, f"{len(rows)} rows; must be filled: {', '.join(sorted(needed))}") for table, _, needed, rows in tables
    ]
    cover = [
        ("Network", network),
        ("Made on", made_on.isoformat()),
        *about,
        ("ranking", f"{len(ranking)} innovations by need x evidence x readiness, rules {METHOD}; not read back"),
        ("support counted", f"each company and pound once, rules {RULES}; not read back"),
    ]
    made.text_sheet("cover", f"{network}: innovation pipeline", cover, widths=(24, 100))
    notes = [
        ("To fill in", "Add rows below the last one of a table, save, and hand it back: rounds pipeline import"),
        ("Dates", "as dates, or as 2024-03-31; of when something was"),
        ("Empty", "An empty cell means that nobody has said. It is not zero: it makes a range wider."),
        ("Words", "design, status, stage, kind and better take only the words in docs/pipeline.md"),
        (str(Mark.NOT_AVAILABLE), "Not known."),
    ]
    made.text_sheet("notes", "Notes", notes, widths=(24, 100))
    for table, columns, _, rows in tables:
        made.table_sheet(
            table, table.capitalize(), f"{len(rows)} rows.", columns=columns, rows=[_cells(row) for row in rows]
        )
    if ranking:
        says = "From the first on; first and last are the ranks that are possible with what is known."
        made.table_sheet("ranking", "Ranking", says, columns=RANK_COLUMNS, rows=list(rank_rows(ranking)))
    if support.claims:
        made.table_sheet(
            "support counted",
            "Support counted",
            "Every claim, and whether it counts.",
            columns=(
                "Kind",
                "Company",
                "As written",
                "Programme",
                "Date",
                "Amount",
                "Counts",
                "Why",
                "In the lowest total",
            ),
            rows=_support_rows(support),
        )
    return made.finished()


def _support_rows(support: SupportSummary) -> Rows:
    return [
        (
            one.claim.kind.value,
            one.company,
            one.claim.company,
            one.claim.programme,
            one.claim.date,
            one.claim.amount,
            "yes" if one.counts else "no",
            one.why or Mark.NOT_APPLICABLE,
            "yes" if one.counts and not one.doubtful else "no",
        )
        for one in support.claims
    ]


def _cells(row: tuple[str | float | date | None, ...]) -> tuple[Cell, ...]:
    return tuple("" if cell is None else cell for cell in row)
