# ruff: noqa: S608  SQL is built from our own names, whole numbers and quoted values of reviewed lists only
"""Levels of groupings: a table of the people, visits or stays whose level is known, as its place among the levels."""

from collections.abc import Sequence

from rounds.engines.sql.plan import Plan
from rounds.measures.definitions import Measure
from rounds.measures.groupings import Grouping
from rounds.measures.strata import AGE_BANDS, Stratum


def group_joins(plan: Plan, groupings: Sequence[Grouping], unit: str, *, of_rows: bool) -> tuple[str, tuple[str, ...]]:
    """Return the joins that lead from units to their levels, and for each grouping SQL for the place of the level.

    Args:
        plan: to which the tables of levels are added.
        groupings: what the levels are of.
        unit: the name of a table with `person_id`, and if it is of rows `visit` and `stay`.
        of_rows: whether it is: the care site of a person is another than that of a visit.
    """
    joins: dict[str, str] = {}
    places = []
    for grouping in groupings:
        table, keys = level_table(plan, grouping, of_rows=of_rows)
        joins[table] = f"LEFT JOIN {table} ON " + " AND ".join(f"{table}.{key} = {unit}.{key}" for key in keys)
        places.append(f"coalesce({table}.level, {len(grouping.named)})")
    return " ".join(joins.values()), tuple(places)


def numbered(places: tuple[str, ...]) -> tuple[str, str]:
    """Return the places of levels as columns to select, and the names of these; both to stand after others."""
    shown = "".join(f", {sql} AS g{number}" for number, sql in enumerate(places))
    return shown, "".join(f", g{number}" for number in range(len(places)))


def band_sql(measure: Measure) -> str:
    """Return SQL for the oldest age of the band that a row's `age` is in, or for nothing where a measure has no bands.

    Somebody may be in a cell through several rows, and of two ages in one band: people are counted by the band.
    """
    if Stratum.AGE_BAND not in measure.strata:
        return "0"
    bands = " ".join(f"WHEN age <= {oldest} THEN {oldest}" for _, _, oldest in AGE_BANDS)
    return f"CASE {bands} ELSE {AGE_BANDS[-1][2] + 1} END"


def level_table(plan: Plan, grouping: Grouping, *, of_rows: bool) -> tuple[str, tuple[str, ...]]:
    """Return the table of the levels of a grouping that are not unknown, and its keys; no key comes twice."""
    attribute = grouping.attribute
    if of_rows and grouping.by is Stratum.CARE_SITE:
        sql = _grouped("SELECT person_id, visit_occurrence_id AS visit, care_site_id FROM visit_occurrence", grouping)
        return plan.step("levels", f"SELECT person_id, visit, level FROM ({sql}) g WHERE level IS NOT NULL"), (
            "person_id",
            "visit",
        )
    if of_rows and grouping.by is Stratum.WARD:
        sql = _grouped("SELECT person_id, visit_detail_id AS stay, care_site_id FROM visit_detail", grouping)
        # Real sites repeat ids: one that stands for stays on wards of different levels stands for none.
        one = "min(coalesce(level, -1)) = max(coalesce(level, -1)) AND min(level) IS NOT NULL"
        sql = f"SELECT person_id, stay, min(level) AS level FROM ({sql}) g GROUP BY person_id, stay HAVING {one}"
        return plan.step("levels", sql), ("person_id", "stay")
    if attribute.is_concept:
        listed = listed_sql(grouping)
        sql = f"SELECT p.person_id, l.level FROM person p JOIN {listed} ON l.value = p.{attribute.column}"
        return plan.step("levels", sql), ("person_id",)
    key = "care_site_id" if grouping.by is Stratum.CARE_SITE else "location_id"
    sql = _grouped(f"SELECT person_id, {key} FROM person", grouping)
    return plan.step("levels", f"SELECT person_id, level FROM ({sql}) g WHERE level IS NOT NULL"), ("person_id",)


def _grouped(rows: str, grouping: Grouping) -> str:
    """Return SQL for some rows that name a place, with the level of that place."""
    place, column = grouping.attribute.table, grouping.attribute.column
    return (
        f"SELECT r.*, l.level FROM ({rows}) r LEFT JOIN {place} c ON c.{place}_id = r.{place}_id "
        f"LEFT JOIN {listed_sql(grouping)} ON l.value = {trimmed(f'c.{column}')}"
    )


def listed_sql(grouping: Grouping) -> str:
    """Return SQL for a table `l` of the values of a grouping and the place of the level of each."""
    numbered = {level: place for place, level in enumerate(grouping.named)}
    values = ", ".join(
        f"({value if grouping.attribute.is_concept else _quoted(value)}, {numbered[level]})"
        for value, level in grouping.values or ()
    )
    # A list without a value is a site's own, and finds nothing, for nothing equals NULL.
    values = values or f"(CAST(NULL AS {'BIGINT' if grouping.attribute.is_concept else 'VARCHAR'}), 0)"
    return f"(VALUES {values}) AS l(value, level)"


def trimmed(text: str) -> str:
    """Return SQL for a text without the spaces around it: of the other blanks each database trims its own."""
    return f"trim(BOTH ' ' FROM {text})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
