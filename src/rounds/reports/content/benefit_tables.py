"""The quarterly return as tables: what its workbook and its CSV files hold."""

from collections.abc import Sequence
from dataclasses import dataclass

from rounds.learning.benefit.claims import ClaimBeside, Said
from rounds.learning.benefit.entries import Counted, Statement
from rounds.learning.benefit.totals import Benefited, Total
from rounds.learning.value.programme import Declared
from rounds.reports.content.benefit_lines import ALL_PROGRAMMES, Level, Line, Span
from rounds.reports.content.benefit_money_tables import (
    MONEY_COLUMNS,
    PRICE_COLUMNS,
    VALUE_COLUMNS,
    money_rows,
    price_rows,
    value_cells,
)
from rounds.reports.content.benefit_return import QuarterlyReturn
from rounds.reports.content.wording import inline
from rounds.reports.insight import Cell, Mark

TOTAL_COLUMNS = (
    "Programme",
    "Measure",
    "Level",
    "Scope",
    "ODS code",
    "Region",
    "Period",
    "Period length",
    "First day",
    "Last day",
    "Sites reached",
    "Reached, lowest",
    "Reached, highest",
    "Reached are",
    "Benefited",
    "Benefited, lower (95%)",
    "Benefited, upper (95%)",
    "Benefited are",
    "Before rounding",
    "Site-periods with an estimate",
    "Site-periods reached",
    "Shared with another programme",
    *VALUE_COLUMNS,
)
_ABOUT = 10
"""Columns that say what a line is a line of."""
CLAIM_COLUMNS = (
    "Claim",
    "Who claims",
    "Programme",
    "Scope",
    "What",
    "Claimed",
    "Unit",
    "First day",
    "Last day",
    "Basis of the claim",
    "Claim dated",
    "Evidence from",
    "Evidence",
    "Evidence, lower",
    "Evidence, upper",
    "Basis of the evidence",
    "Status",
    "Because",
)
RESTATED_COLUMNS = (
    "Programme",
    "Measure",
    "Period",
    "Now by",
    "Benefited now",
    "Lower now",
    "Upper now",
    "Before by",
    "Benefited before",
    "Lower before",
    "Upper before",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnTable:
    """One table of the return."""

    name: str
    """of its CSV file"""
    title: str
    says: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def return_tables(found: QuarterlyReturn) -> tuple[ReturnTable, ...]:
    """Return the tables of a quarterly return; a table that would be empty is left out."""
    quarter = found.asked.quarter
    finer = [line for line in found.lines if line.level is not Level.SITE]
    sites = [line for line in found.lines if line.level is Level.SITE]
    reached = "Reached is not benefited: those reached were there while the innovation was in effect."
    marks = (
        f"{Mark.NOT_AVAILABLE}: nothing can be expected without the innovation, so nobody is said to have benefited."
    )
    tables = [
        ReturnTable(
            name="return",
            title=f"Return for {quarter.label}",
            says=f"{reached} Below 0 it got worse. {marks}",
            columns=TOTAL_COLUMNS,
            rows=tuple(_total_row(found, line) for line in asked_for(found)),
        ),
        ReturnTable(
            name="network-and-regions",
            title="The network and its regions, by quarter and year",
            says="Regions add up to the network, quarters to years. Intervals do not add up.",
            columns=TOTAL_COLUMNS,
            rows=tuple(_total_row(found, line) for line in finer),
        ),
        ReturnTable(
            name="sites",
            title="Sites, by quarter and year",
            says="Sites add up to their region, quarters to years. A single site's interval is wide. " + marks,
            columns=TOTAL_COLUMNS,
            rows=tuple(_total_row(found, line) for line in sites),
        ),
        ReturnTable(
            name="money",
            title="Money, by quarter and year",
            says="What was spent and what came of it, where prices are declared. Sites add up to regions and the "
            "network, quarters to years. Present values count a later financial year less. Where no price is known: "
            "not valued.",
            columns=(*TOTAL_COLUMNS[:_ABOUT], *MONEY_COLUMNS),
            rows=tuple(row for line in found.lines for row in money_rows(line, _total_row(found, line)[:_ABOUT])),
        ),
        ReturnTable(
            name="prices",
            title="Prices that the money was made by",
            says="As they are declared and reviewed. Intervals of money hold what is not known of prices and events.",
            columns=PRICE_COLUMNS,
            rows=tuple(row for one in _declared(found) for row in price_rows(one)),
        ),
        ReturnTable(
            name="restated",
            title="Restated because a rule changed",
            says="The same totals by the rule that holds now and by the one before.",
            columns=RESTATED_COLUMNS,
            rows=_restated_rows(found),
        ),
        ReturnTable(
            name="claims-and-evidence",
            title="Claims beside evidence",
            says="What is claimed and what is known, never merged. Every claim stays, whatever became of it.",
            columns=CLAIM_COLUMNS,
            rows=tuple(row for one in found.claims for row in claim_rows(one)),
        ),
        ReturnTable(
            name="rules",
            title="The rules that these totals were made by",
            says="A rule is never changed: a new version takes its place from a stated day.",
            columns=("Rule", "Version", "What it says"),
            rows=tuple((rule.id, rule.version, rule.says) for rule in found.rules),
        ),
    ]
    return tuple(table for table in tables if table.rows)


def asked_for(found: QuarterlyReturn) -> tuple[Line, ...]:
    """Return the network's totals for the quarter asked for, its financial year so far, and since the start."""
    end = found.asked.quarter.end
    return tuple(line for line in found.lines if line.level is Level.NETWORK and line.window.end == end)


def benefited_words(statement: Statement) -> str:
    """Return what those benefited are: "cardiac arrests in hospital avoided (events)"."""
    verb = "gained" if statement.gained else "avoided"
    return f"{inline(statement.measure_title)} {verb} ({statement.counted})"


def reached_words(statement: Statement) -> str:
    """Return what those reached are: "admissions (events, not patients)"."""
    return statement.reached_unit + (" (not patients)" if statement.reached_counted is Counted.EVENTS else "")


def whole_ends(found: Benefited) -> tuple[int, int]:
    """Return an interval in whole numbers."""
    return round(found.lower), round(found.upper)


def _total_row(found: QuarterlyReturn, line: Line) -> tuple[Cell, ...]:
    statement, total = found.statement_of(line), line.total
    title = line.innovation if line.innovation == ALL_PROGRAMMES else statement.innovation_title
    return (
        title,
        statement.measure_title,
        str(line.level),
        line.scope_name,
        line.scope if line.level is Level.SITE else Mark.NOT_APPLICABLE,
        line.region or Mark.NOT_APPLICABLE,
        line.window.label,
        str(line.window.span),
        line.window.start,
        line.window.end,
        total.sites,
        total.reached.lower,
        total.reached.upper,
        reached_words(statement),
        Mark.NOT_AVAILABLE if line.shown is None else line.shown,
        *_ends(total),
        benefited_words(statement),
        Mark.NOT_AVAILABLE if total.benefited is None else round(total.benefited.value, 2),
        total.told,
        total.entries,
        total.shared,
        *value_cells(line),
    )


def _declared(found: QuarterlyReturn) -> tuple[Declared, ...]:
    priced = [line.money for line in found.lines if not isinstance(line.money, str)]
    return tuple({one.id: one for money in priced for one in money.declared}.values())


def _ends(total: Total) -> tuple[Cell, Cell]:
    return (Mark.NOT_AVAILABLE,) * 2 if total.benefited is None else whole_ends(total.benefited)


def _restated_rows(found: QuarterlyReturn) -> tuple[tuple[Cell, ...], ...]:
    rows: list[tuple[Cell, ...]] = []
    for one in found.restated:
        line = one.line
        if line.window.span is Span.QUARTER and line.window.start != found.asked.quarter.start:
            continue
        statement = found.statement_of(line)
        title = line.innovation if line.innovation == ALL_PROGRAMMES else statement.innovation_title
        rows.append(
            (
                title,
                statement.measure_title,
                line.window.label,
                str(found.rule),
                *_three(line.total),
                str(found.rule_before),
                *_three(one.before),
            )
        )
    return tuple(rows)


def _three(total: Total) -> tuple[Cell, ...]:
    if total.benefited is None:
        return (Mark.NOT_AVAILABLE,) * 3
    return (round(total.benefited.value, 2), *whole_ends(total.benefited))


def claim_rows(one: ClaimBeside) -> Sequence[tuple[Cell, ...]]:
    """Return a claim as one row for each piece of evidence; one row if there is none."""
    claim = one.claim
    stated: tuple[Cell, ...] = (
        claim.id,
        claim.by,
        claim.innovation,
        claim.scope,
        f"{claim.quantity}: {claim.what}",
        _number(claim.value),
        claim.unit,
        claim.first,
        claim.last,
        claim.basis,
        claim.dated,
    )
    if not one.beside:
        return [(*stated, *(Mark.NOT_APPLICABLE,) * 5, str(one.status), one.because)]
    return [(*stated, *_evidence(judged.evidence), str(judged.status), judged.because) for judged in one.beside]


def _evidence(said: Said) -> tuple[Cell, ...]:
    return (said.by, _number(said.value), _number(said.lower), _number(said.upper), said.basis)


def _number(value: float | None) -> Cell:
    if value is None:
        return Mark.NOT_AVAILABLE
    return int(value) if value == int(value) else value
