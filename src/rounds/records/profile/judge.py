"""What a profile of records means, held against what is expected of them."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import polars as pl

from rounds.measures.quality import Check, Expected, Limit
from rounds.measures.strata import SEX_BY_CONCEPT
from rounds.records.profile.findings import Finding, Seen, Verdict
from rounds.records.profile.scan import Flag, TableProfile
from rounds.records.quality import has_person
from rounds.records.tables import EVENT_TABLES, OBSERVATION_PERIOD, PERSON

DOMAINS: Final = {
    "condition_occurrence": "Condition",
    "condition_era": "Condition",
    "drug_exposure": "Drug",
    "drug_era": "Drug",
    "procedure_occurrence": "Procedure",
    "device_exposure": "Device",
    "measurement": "Measurement",
    "visit_occurrence": "Visit",
    "visit_detail": "Visit",
}

_MONTHS_LOOKED_BACK: Final = 36
_SMALL_MONTH: Final = 50
"""Months with fewer rows than this vary too much by chance to be held against each other."""

_BY_FLAG: Final = {
    Check.UNKNOWN_PERSON: Flag.UNKNOWN_PERSON,
    Check.BEFORE_BIRTH: Flag.BEFORE_BIRTH,
    Check.AFTER_DEATH: Flag.AFTER_DEATH,
    Check.IN_FUTURE: Flag.IN_FUTURE,
    Check.END_BEFORE_START: Flag.END_BEFORE_START,
}


def judge(seen: Seen, expected: Expected, *, today: date) -> tuple[Finding, ...]:
    """Return every finding: what failed, what passed, and what could not be checked and why.

    Args:
        seen: what was found out.
        expected: how much of each fault is borne.
        today: the month that is not over yet is held against no other.
    """
    findings = list(seen.structure)
    for profile in seen.tables:
        findings += _columns(profile, expected)
        findings += _rows(
            profile, expected, observed=any(one.table.name == OBSERVATION_PERIOD.name for one in seen.tables)
        )
        findings += _concepts(profile, expected, seen.concepts)
        findings += _values(profile, expected, seen.values.get(profile.table.name, {}))
        findings += _volume(profile, expected, today=today)
        if profile.table.name != PERSON.name and has_person(profile.table):
            missing = max(0, seen.lives.people - profile.people)
            findings.append(
                _judged(expected, Check.PEOPLE_WITHOUT, profile.table.name, broken=missing, of=seen.lives.people)
            )
    findings += _whole(seen, expected)
    return tuple(sorted(findings, key=lambda one: (tuple(Check).index(one.check), one.table, one.column)))


def _judged(
    expected: Expected,
    check: Check,
    table: str,
    *,
    broken: int,
    of: int,
    column: str = "",
    subject: str = "",
) -> Finding:
    limit: Limit = expected.limit(check, table, column or None)
    failed = broken > 0 and 100 * broken > limit.at_most * of
    return Finding(
        check=check,
        table=table,
        column=column,
        subject=subject,
        verdict=Verdict.FAILED if failed else Verdict.PASSED,
        broken=broken,
        of=of,
        at_most=limit.at_most,
        because=limit.because,
    )


def _columns(profile: TableProfile, expected: Expected) -> Iterable[Finding]:
    table, name, rows = profile.table, profile.table.name, profile.rows
    required = {column.name for column in table.columns if column.required}
    yield (
        _judged(expected, Check.WRONG_TYPE, name, broken=0, of=rows)
        if not profile.wrong
        else _worst_type(profile, expected)
    )
    for column, empty in profile.empty.items():
        check = Check.EMPTY_REQUIRED if column in required else Check.MISSING
        yield _judged(expected, check, name, broken=empty, of=rows, column=column)
    if profile.key is not None:
        yield _judged(expected, Check.DUPLICATED_KEY, name, broken=profile.repeats, of=rows, column=profile.key)


def _worst_type(profile: TableProfile, expected: Expected) -> Finding:
    column, number = max(profile.wrong.items(), key=lambda pair: pair[1])
    others = ", ".join(sorted(set(profile.wrong) - {column}))
    return _judged(
        expected,
        Check.WRONG_TYPE,
        profile.table.name,
        broken=number,
        of=profile.rows,
        column=column,
        subject=f"also in {others}" if others else "",
    )


def _rows(profile: TableProfile, expected: Expected, *, observed: bool) -> Iterable[Finding]:
    table, rows = profile.table, profile.rows
    if not (table.is_event or table.name == OBSERVATION_PERIOD.name):
        return
    for check, flag in _BY_FLAG.items():
        if check is Check.END_BEFORE_START and table.end is None:
            continue
        of_end = check is Check.END_BEFORE_START or (check is Check.AFTER_DEATH and not table.is_event)
        column = "person_id" if check is Check.UNKNOWN_PERSON else (table.end if of_end else table.start) or ""
        yield _judged(expected, check, table.name, broken=profile.flagged(flag), of=rows, column=column)
    column = table.start or ""
    if table.is_event and not observed:
        yield _unchecked(
            Check.OUTSIDE_OBSERVATION, table.name, "the site has no table `observation_period`", column=column
        )
    elif table.is_event:
        yield _judged(expected, Check.OUTSIDE_OBSERVATION, table.name, broken=profile.outside, of=rows, column=column)


def _concepts(profile: TableProfile, expected: Expected, concepts: pl.DataFrame | None) -> Iterable[Finding]:
    table = profile.table
    if table.concept is None:
        return
    rows = profile.by("concept").select("concept", "rows").drop_nulls()
    number = int(rows["rows"].sum())
    unmapped = int(rows.filter(pl.col("concept") == 0)["rows"].sum())
    yield _judged(expected, Check.UNMAPPED, table.name, broken=unmapped, of=number, column=table.concept)
    if table.unit is not None:
        units = profile.by("unit").select("unit", "rows").drop_nulls()
        nameless = int(units.filter(pl.col("unit") == 0)["rows"].sum())
        named = int(units["rows"].sum())
        if named:
            yield _judged(expected, Check.UNMAPPED, table.name, broken=nameless, of=named, column=table.unit)
    if concepts is None:
        for check in (Check.UNKNOWN_CONCEPT, Check.NOT_STANDARD, Check.OTHER_DOMAIN, Check.OTHER_SEX):
            yield _unchecked(check, table.name, "the site has no table `concept`", column=table.concept)
        return
    known = rows.filter(pl.col("concept") != 0).join(concepts, on="concept", how="left")
    of = int(known["rows"].sum())
    yield _concept_check(expected, Check.UNKNOWN_CONCEPT, profile, known.filter(pl.col("known").is_null()), of)
    there = known.filter(pl.col("known").is_not_null())
    if not concepts["has_standard"].any():
        yield _unchecked(
            Check.NOT_STANDARD, table.name, "`concept` has no column `standard_concept`", column=table.concept
        )
    else:
        lacking = there.filter(pl.col("standard").is_null() | (pl.col("standard") != "S"))
        yield _concept_check(expected, Check.NOT_STANDARD, profile, lacking, of)
    domain = DOMAINS.get(table.name)
    if domain is not None and concepts["domain"].is_not_null().any():
        yield _concept_check(expected, Check.OTHER_DOMAIN, profile, there.filter(pl.col("domain") != domain), of)
    yield from _sexes(profile, expected, concepts)


def _concept_check(expected: Expected, check: Check, profile: TableProfile, wrong: pl.DataFrame, of: int) -> Finding:
    most = wrong.sort("rows", descending=True).head(5)
    named = ", ".join(f"{concept} ({rows:,} rows)" for concept, rows in most.select("concept", "rows").iter_rows())
    more = f" and {wrong.height - 5} more" if wrong.height > 5 else ""
    return _judged(
        expected,
        check,
        profile.table.name,
        broken=int(wrong["rows"].sum()),
        of=of,
        column=profile.table.concept or "",
        subject=f"concepts {named}{more}" if named else "",
    )


def _sexes(profile: TableProfile, expected: Expected, concepts: pl.DataFrame) -> Iterable[Finding]:
    ids = {sex: concept for concept, sex in SEX_BY_CONCEPT.items()}
    by_sex = profile.by("concept", "sex").join(
        concepts.filter(pl.col("only").is_not_null()).select("concept", "only", "only_title"), on="concept"
    )
    for title, only in by_sex.select("only_title", "only").unique().sort("only_title").iter_rows():
        rows = by_sex.filter(pl.col("only_title") == title)
        other = [concept for sex, concept in ids.items() if sex != only]
        yield _judged(
            expected,
            Check.OTHER_SEX,
            profile.table.name,
            broken=int(rows.filter(pl.col("sex").is_in(other))["rows"].sum()),
            of=int(rows["rows"].sum()),
            column=profile.table.concept or "",
            subject=f"{title}, of people who are not {only}",
        )


def _values(
    profile: TableProfile, expected: Expected, values: Mapping[tuple[str, int], tuple[int, int]]
) -> Iterable[Finding]:
    table = profile.table
    if table.value is None or table.unit is None:
        return
    by_unit = profile.by("concept", "unit").filter(pl.col("values") > 0)
    for one in expected.values:
        rows = by_unit.filter(pl.col("concept").is_in(one.concepts))
        if not rows.height:
            continue
        other = rows.filter(~pl.col("unit").is_in(one.units) | pl.col("unit").is_null())
        units = ", ".join(
            "without a unit" if unit is None else f"in unit {unit}" for unit in other["unit"].unique().sort()
        )
        yield _judged(
            expected,
            Check.OTHER_UNIT,
            table.name,
            broken=int(other["values"].sum()),
            of=int(rows["values"].sum()),
            column=table.unit,
            subject=one.title + (f": {units}" if units else ""),
        )
        found = [counts for (title, _), counts in values.items() if title == one.title]
        yield _judged(
            expected,
            Check.VALUE_OUT_OF_RANGE,
            table.name,
            broken=sum(broken for broken, _ in found),
            of=sum(of for _, of in found),
            column=table.value,
            subject=f"{one.title}: outside {one.lowest:g} to {one.highest:g}",
        )


def month_name(month: int) -> str:
    """Return a month as `2024-03`."""
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def _volume(profile: TableProfile, expected: Expected, *, today: date) -> Iterable[Finding]:
    table = profile.table
    if not table.is_event or table.name not in {one.value for one in EVENT_TABLES} or not profile.months.height:
        return
    this = today.year * 12 + today.month - 1
    rows = dict(profile.months.drop_nulls().filter(pl.col("month") < this).iter_rows())
    if not rows:
        return
    last = max(rows)
    months = range(max(min(rows) + 1, last - _MONTHS_LOOKED_BACK + 1), last + 1)
    jumps = []
    for month in months:
        before, now = rows.get(month - 1, 0), rows.get(month, 0)
        low, high = sorted((before, now))
        if high >= _SMALL_MONTH and high > expected.jump_factor * low:
            jumps.append(f"{month_name(month)} ({before:,} to {now:,})")
    yield _judged(
        expected,
        Check.VOLUME_JUMP,
        table.name,
        broken=len(jumps),
        of=len(months),
        column=table.start or "",
        subject="months: " + ", ".join(jumps) if jumps else "",
    )


def _whole(seen: Seen, expected: Expected) -> Iterable[Finding]:
    names = {profile.table.name: profile for profile in seen.tables}
    if OBSERVATION_PERIOD.name in names:
        rows = names[OBSERVATION_PERIOD.name].rows
        yield _judged(
            expected, Check.OVERLAPPING_PERIODS, OBSERVATION_PERIOD.name, broken=seen.lives.overlapping, of=rows
        )
    if PERSON.name in names:
        broken, of = seen.born
        yield _judged(expected, Check.YEAR_OF_BIRTH, PERSON.name, broken=broken, of=of, column="year_of_birth")
    if "death" in names:
        yield _judged(expected, Check.SEVERAL_DEATHS, "death", broken=seen.deaths, of=names["death"].rows)
    for (table, column), link in seen.links.items():
        check = Check.UNKNOWN_VISIT if column == "visit_occurrence_id" else Check.UNKNOWN_PLACE
        if link is None:
            held = column.removesuffix("_id")
            yield _unchecked(check, table, f"the site has no table `{held}`", column=column)
        else:
            yield _judged(expected, check, table, broken=link[0], of=link[1], column=column)


def _unchecked(check: Check, table: str, because: str, *, column: str = "") -> Finding:
    return Finding(check=check, table=table, column=column, verdict=Verdict.NOT_CHECKED, because=because)
