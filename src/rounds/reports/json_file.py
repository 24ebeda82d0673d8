"""The insights as JSON: complete, deterministic, and readable back into the same values."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any

from rounds.errors import MessageError
from rounds.measures.definitions import Measure
from rounds.reports.insight import (
    Action,
    Benefit,
    Cell,
    Certainty,
    Confidence,
    Direction,
    Estimate,
    Exhibit,
    Insight,
    Kind,
    LatestPoint,
    Mark,
    Provenance,
    Table,
)
from rounds.reports.report import Report

FORMAT = "rounds-insights/1"

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MARKS = {str(mark): mark for mark in Mark}


def insights_json(report: Report) -> bytes:
    """Return a report's insights as UTF-8 JSON: the same report gives the same bytes.

    In a table, `[c]`, `[x]` and `[z]` stand for withheld, not available and not applicable; a column of dates says so.

    Raises:
        ValueError: if a number is not finite, or a table's column mixes dates with other text.
    """
    document = {
        "format": FORMAT,
        "network": report.network_name,
        "round": {"id": report.round_id, "title": report.round_title, "as_of": report.as_of.isoformat()},
        "provenance": _provenance(report.provenance),
        "shorthand": {"[c]": "withheld, not zero", "[x]": "not available", "[z]": "not applicable"},
        "members": [
            {
                "ods_code": member.ods_code,
                "name": member.name,
                "kind": member.kind,
                "region": member.region,
                "joined": member.joined.isoformat(),
                "left": _day(member.left),
                "earlier": [[spell.joined.isoformat(), spell.left.isoformat()] for spell in member.earlier],
            }
            for member in report.membership.members
        ],
        "measures": [
            {
                "id": measure.id,
                "version": measure.version,
                "digest": measure.digest,
                "title": measure.title,
                "description": measure.description,
                "per": measure.per,
                "unit": measure.unit,
                "mean": _mean(measure),
                "better": str(measure.better),
                "target": measure.target,
            }
            for measure in report.measures
        ],
        "completeness": [
            {
                "measure": line.measure,
                "ods_code": line.scope,
                "what": line.name,
                "state": "withheld" if line.withheld else "bounded" if line.told else "not told",
                "lower_percent": None if line.withheld or not line.told else line.lower,
                "upper_percent": None if line.withheld or not line.told else line.upper,
                "needed_percent": line.need,
                "met": str(line.met),
            }
            for line in report.completeness
        ],
        "standing_out": None
        if report.standing_out is None
        else {
            "statement": report.standing_out.sentence,
            "certain": list(report.standing_out.certain),
            "possible": list(report.standing_out.possible),
        },
        "silences": list(report.silences),
        "glossary": dict(report.glossary),
        "insights": [_insight(insight) for insight in report.insights],
    }
    return (json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1, sort_keys=True) + "\n").encode()


def read_insights(data: bytes) -> tuple[Insight, ...]:
    """Return the insights of a file that `insights_json` made: for analysts who go on from a round's outputs.

    Raises:
        MessageError: if it is not such a file, or of another version.
    """
    try:
        document = json.loads(data)
        found = document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise MessageError(f"this is no file of insights ({error}); expected JSON with format {FORMAT}") from error
    if found != FORMAT:
        raise MessageError(f"this file of insights has format {found!r}; this version of Rounds reads {FORMAT}")
    try:
        return tuple(_read_insight(item) for item in document["insights"])
    except (KeyError, TypeError, ValueError) as error:
        raise MessageError(f"this file of insights is damaged: {error!r}; make it again from its round") from error


def _mean(measure: Measure) -> dict[str, object] | None:
    """Return what a mean is in and between which ends; None if it is no mean."""
    amount = measure.amount
    if amount is None:
        return None
    return {
        "shown_in": measure.shown_in,
        "low": amount.low,
        "high": amount.high,
        "step": amount.step,
        "most_each": amount.most_each,
    }


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _estimate(estimate: Estimate) -> dict[str, Any]:
    return {
        "value": estimate.value,
        "lower": estimate.lower,
        "upper": estimate.upper,
        "interval": estimate.interval,
        "unit": estimate.unit,
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "round_id": provenance.round_id,
        "plan_digest": provenance.plan_digest,
        "sites_in": list(provenance.sites_in),
        "sites_out": list(provenance.sites_out),
        "withheld_cells": provenance.withheld_cells,
        "total_cells": provenance.total_cells,
        "code_version": provenance.code_version,
        "data_as_of": provenance.data_as_of.isoformat(),
    }


def _table(table: Table) -> dict[str, Any]:
    columns = []
    for index, name in enumerate(table.columns):
        cells = [row[index] for row in table.rows if not isinstance(row[index], Mark)]
        dates = sum(isinstance(cell, date) for cell in cells)
        if dates and dates < len(cells):
            raise ValueError(f"column {name!r} mixes dates with other values; make it two columns")
        columns.append({"name": name, "type": "date" if dates else "plain"})
    rows = [[cell.isoformat() if isinstance(cell, date) else cell for cell in row] for row in table.rows]
    return {"columns": columns, "rows": rows}


def _insight(insight: Insight) -> dict[str, Any]:
    benefit, action = insight.benefit, insight.action
    return {
        "id": insight.id,
        "kind": str(insight.kind),
        "statement": insight.statement,
        "direction": str(insight.direction),
        "scope": insight.scope,
        "scope_name": insight.scope_name,
        "measure": insight.measure,
        "measure_title": insight.measure_title,
        "innovation": insight.innovation,
        "certainty": {
            "level": str(insight.certainty.level),
            "because": insight.certainty.because,
            "estimate": _estimate(insight.certainty.estimate),
            "method": insight.certainty.method,
        },
        "comparator": insight.comparator,
        "benefit": None
        if benefit is None
        else {
            "patients": _estimate(benefit.patients),
            "counterfactual": benefit.counterfactual,
            "site_periods": benefit.site_periods,
        },
        "chart": insight.chart,
        "alt_text": insight.alt_text,
        "table": _table(insight.table),
        "action": None
        if action is None
        else {"text": action.text, "owner_role": action.owner_role, "url": action.url, "due": _day(action.due)},
        "provenance": _provenance(insight.provenance),
        "icons": list(insight.icons),
        "notes": list(insight.notes),
        "latest": None if insight.latest is None else asdict(insight.latest),
        **({"exhibits": [_exhibit(one) for one in insight.exhibits]} if insight.exhibits else {}),
    }


def _exhibit(exhibit: Exhibit) -> dict[str, Any]:
    return {
        "name": exhibit.name,
        "title": exhibit.title,
        "chart": exhibit.chart,
        "alt_text": exhibit.alt_text,
        "table": _table(exhibit.table),
        "notes": list(exhibit.notes),
    }


def _maybe(item: Any, read: Callable[[Any], Any]) -> Any:
    return None if item is None else read(item)


def _read_insight(item: dict[str, Any]) -> Insight:
    certainty = item["certainty"]
    return Insight(
        id=item["id"],
        kind=Kind(item["kind"]),
        statement=item["statement"],
        direction=Direction(item["direction"]),
        scope=item["scope"],
        scope_name=item["scope_name"],
        measure=item["measure"],
        measure_title=item["measure_title"],
        innovation=item["innovation"],
        certainty=Confidence(
            level=Certainty(certainty["level"]),
            because=certainty["because"],
            estimate=Estimate(**certainty["estimate"]),
            method=certainty["method"],
        ),
        comparator=item["comparator"],
        benefit=_maybe(
            item["benefit"],
            lambda found: Benefit(
                patients=Estimate(**found["patients"]),
                counterfactual=found["counterfactual"],
                site_periods=found.get("site_periods"),
            ),
        ),
        chart=item["chart"],
        alt_text=item["alt_text"],
        table=_read_table(item["table"]),
        action=_maybe(
            item["action"],
            lambda found: Action(
                text=found["text"],
                owner_role=found["owner_role"],
                url=found["url"],
                due=_maybe(found["due"], date.fromisoformat),
            ),
        ),
        provenance=_read_provenance(item["provenance"]),
        icons=tuple(item["icons"]),
        notes=tuple(item["notes"]),
        latest=_maybe(item.get("latest"), lambda found: LatestPoint(**found)),
        exhibits=tuple(
            Exhibit(
                name=one["name"],
                title=one["title"],
                chart=one["chart"],
                alt_text=one["alt_text"],
                table=_read_table(one["table"]),
                notes=tuple(one["notes"]),
            )
            for one in item.get("exhibits", ())
        ),
    )


def _read_provenance(item: dict[str, Any]) -> Provenance:
    return Provenance(
        **{
            **item,
            "sites_in": tuple(item["sites_in"]),
            "sites_out": tuple(item["sites_out"]),
            "data_as_of": date.fromisoformat(item["data_as_of"]),
        }
    )


def _read_table(item: dict[str, Any]) -> Table:
    dated = [column["type"] == "date" for column in item["columns"]]
    return Table(
        columns=tuple(column["name"] for column in item["columns"]),
        rows=tuple(
            tuple(_read_cell(cell, is_date) for cell, is_date in zip(row, dated, strict=True)) for row in item["rows"]
        ),
    )


def _read_cell(cell: Any, is_date: bool) -> Cell:
    if isinstance(cell, str) and cell in _MARKS:
        return _MARKS[cell]
    if is_date and isinstance(cell, str) and _ISO_DATE.fullmatch(cell):
        return date.fromisoformat(cell)
    found: Cell = cell
    return found
