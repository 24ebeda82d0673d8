"""Which pages a report makes and what stands on each, before anything is drawn."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from rounds.measures.definitions import Measure
from rounds.reports.completeness import Met
from rounds.reports.content.wording import NETWORK, plural, slug
from rounds.reports.insight import Direction, Insight, Kind
from rounds.reports.pages.views import CHANGES, VIEWS, Layout, Section, audience_path, rank, selected
from rounds.reports.report import Report

MOST_CHANGES = 3
"""An organisation's page opens with at most so many changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One file: its template and what the template needs."""

    path: str
    template: str
    title: str
    context: dict[str, Any]

    @property
    def root(self) -> str:
        """The way from this page to the folder of all pages."""
        return "../" * self.path.count("/")


def measure_path(title_or_id: str) -> str:
    return f"measures/{slug(title_or_id)}.html"


def organisation_path(ods_code: str) -> str:
    return f"organisations/{slug(ods_code)}.html"


def home_path(insight: Insight) -> str:
    """Return where an insight's own chart and numbers are: the place that other pages link to."""
    page = measure_path(measure_key(insight)) if insight.scope == NETWORK else organisation_path(insight.scope)
    return f"{page}#{insight.id}"


def measure_key(insight: Insight) -> str:
    """Return what names an insight's measure page: its measure without the version, or its innovation."""
    return insight.measure.split(" ")[0]


def pages_of(report: Report) -> tuple[Page, ...]:
    """Return every page of a report, in a stable order."""
    return (
        _index(report),
        *(_audience(report, index) for index in range(len(VIEWS))),
        *(_measure(report, key) for key in sorted({measure_key(insight) for insight in report.insights})),
        *(_organisation(report, code) for code in sorted({i.scope for i in report.insights if i.scope != NETWORK})),
        _round(report),
    )


def _index(report: Report) -> Page:
    network = tuple(insight for insight in report.insights if insight.scope == NETWORK)
    first = sorted((i for i in network if i.kind in (Kind.IMPACT, Kind.SPREAD)), key=rank)[:4]
    return Page(
        path="index.html",
        template="index.html",
        title=report.round_title,
        context={
            "views": VIEWS,
            "headlines": first,
            "measures": _measure_links(report),
            "change": change_summary(tuple(i for i in report.insights if _of_member(i))),
        },
    )


def _audience(report: Report, index: int) -> Page:
    view = VIEWS[index]
    shown: set[str] = set()
    sections = []
    for section in view.sections:
        chosen = tuple(insight for insight in selected(section, report.insights) if insight.id not in shown)
        if section.layout is Layout.CARDS:
            shown |= {insight.id for insight in chosen}
        sections.append({"section": section, "insights": chosen, **_extra(section, report, chosen)})
    return Page(
        path=audience_path(view.audience),
        template="audience.html",
        title=view.title,
        context={"view": view, "sections": sections},
    )


def _extra(section: Section, report: Report, chosen: tuple[Insight, ...]) -> dict[str, Any]:
    """Return what a section's layout needs beyond its insights."""
    match section.layout:
        case Layout.ICON_TABLE:
            return icon_table(chosen)
        case Layout.ORGANISATIONS:
            return {"organisations": _organisation_links(report)}
        case Layout.REGIONS:
            return {"regions": _regions(report, chosen)}
        case Layout.METHODS:
            used = Counter(
                insight.certainty.method for insight in report.insights if insight.certainty.method != "none"
            )
            return {"methods": sorted(used.items()), "measures": report.measures}
        case Layout.CARDS | Layout.LINES | Layout.ACTIONS | Layout.DOWNLOADS:
            return {}


def icon_table(insights: tuple[Insight, ...]) -> dict[str, Any]:
    """Return the icon table: measures as columns, and a row of insights (or None) for each organisation, by name."""
    titles = dict(sorted({measure_key(i): i.measure_title for i in insights}.items(), key=lambda item: item[1]))
    found = {(i.scope, measure_key(i)): i for i in insights}
    scopes = sorted({i.scope: i.scope_name for i in insights}.items(), key=lambda item: item[1])
    return {
        "columns": titles,
        "rows": [(code, name, [found.get((code, key)) for key in titles]) for code, name in scopes],
    }


def _organisation_links(report: Report) -> list[dict[str, Any]]:
    """Return every organisation with its path and what its changes add up to, by region and name."""
    own: dict[str, list[Insight]] = {}
    for insight in report.insights:
        if _of_member(insight):
            own.setdefault(insight.scope, []).append(insight)
    links = [
        {
            "name": member.name,
            "region": member.region,
            "path": organisation_path(member.ods_code),
            "better": sum(i.direction is Direction.BETTER for i in own[member.ods_code]),
            "worse": sum(i.direction is Direction.WORSE for i in own[member.ods_code]),
        }
        for member in report.membership.members
        if member.ods_code in own
    ]
    return sorted(links, key=lambda link: (str(link["region"]), str(link["name"])))


def _regions(report: Report, insights: tuple[Insight, ...]) -> list[dict[str, Any]]:
    region_of = {member.ods_code: member.region for member in report.membership.members}
    rows: dict[tuple[str, str, str], Counter[str]] = {}
    for insight in insights:
        key = (region_of.get(insight.scope, "region not known"), insight.measure_title, measure_key(insight))
        rows.setdefault(key, Counter())[insight.direction] += 1
    return [
        {
            "region": region,
            "title": title,
            "path": measure_path(key),
            "organisations": count.total(),
            "better": count[Direction.BETTER],
            "worse": count[Direction.WORSE],
            "unclear": count[Direction.NO_CHANGE] + count[Direction.NEUTRAL],
        }
        for (region, title, key), count in sorted(rows.items())
    ]


def _measure_links(report: Report) -> list[tuple[str, str]]:
    found = {measure_key(i): i.measure_title for i in report.insights}
    return sorted(((title, measure_path(key)) for key, title in found.items()), key=lambda link: link[0])


def _measure(report: Report, key: str) -> Page:
    here = tuple(insight for insight in report.insights if measure_key(insight) == key)
    network = tuple(sorted((i for i in here if i.scope == NETWORK), key=lambda i: (list(Kind).index(i.kind), i.id)))
    members = tuple(sorted((i for i in here if i.scope != NETWORK), key=lambda i: (i.scope_name, i.id)))
    over_time = tuple(insight for insight in members if insight.kind is Kind.OVER_TIME)
    definition: Measure | None = report.measure_of(here[0])
    completeness = tuple(
        sorted(
            (line for line in report.completeness if line.measure.split(" ")[0] == key),
            key=lambda line: (line.scope_name, line.name),
        )
    )
    return Page(
        path=measure_path(key),
        template="measure.html",
        title=here[0].measure_title,
        context={
            "definition": definition,
            "network": network,
            "members": members,
            "change": change_summary(over_time) if over_time else None,
            "completeness": completeness,
            "short": len({line.scope for line in completeness if line.met is Met.NO}),
        },
    )


def _organisation(report: Report, code: str) -> Page:
    here = tuple(sorted((i for i in report.insights if i.scope == code), key=rank))
    changes = tuple(i for i in here if i.direction in CHANGES)[:MOST_CHANGES]
    others = tuple(sorted((i for i in here if i not in changes), key=lambda i: (i.measure_title, i.id)))
    member = next((member for member in report.membership.members if member.ods_code == code), None)
    return Page(
        path=organisation_path(code),
        template="organisation.html",
        title=here[0].scope_name,
        context={
            "member": member,
            "changes": changes,
            "others": others,
            "change": change_summary(tuple(i for i in here if i.kind is Kind.OVER_TIME)),
        },
    )


def _round(report: Report) -> Page:
    return Page(
        path="round.html",
        template="round.html",
        title="This round and where its numbers come from",
        context={"members": report.membership.on(report.as_of), "measures": report.measures},
    )


def _of_member(insight: Insight) -> bool:
    return insight.scope != NETWORK and insight.kind is Kind.OVER_TIME


def change_summary(insights: tuple[Insight, ...]) -> str:
    """Return "2 of 6 charts changed (1 better, 1 worse), 3 did not, 1 cannot be told." """
    count = Counter(insight.direction for insight in insights)
    untold = sum(not insight.icons for insight in insights)
    other = count[Direction.NEUTRAL] - untold
    changed = count[Direction.BETTER] + count[Direction.WORSE] + other
    detail = f" ({count[Direction.BETTER]} better, {count[Direction.WORSE]} worse" + (
        f", {other} neither)" if other else ")"
    )
    return (
        f"{changed} of {plural(len(insights), 'chart')} changed{detail if changed else ''}, "
        f"{count[Direction.NO_CHANGE]} did not, {untold} cannot be told."
    )
