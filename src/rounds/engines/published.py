"""Published aggregates: counts that somebody else has made and published, mapped from their file to a `Count`."""

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from rounds.errors import DefinitionError, PublishedDataError
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure, PublishedQuestion
from rounds.measures.periods import Period
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.published_source import DECLARED_IN, PublishedColumns, PublishedSource, UnknownOrganisations
from rounds.storage.suggestions import nearest

_START, _END, _NUMERATOR, _DENOMINATOR = "_start", "_end", "_numerator", "_denominator"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCount:
    """A count and what its source did not say."""

    count: Count
    not_published: int
    """organisation-periods left out because a numerator or denominator is empty"""
    ignored_organisations: tuple[str, ...]
    """codes of organisations left out because they are not members, sorted"""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the count should know, in sentences."""
        found = []
        if self.not_published:
            found.append(
                f"{self.not_published} organisation-periods are left out because their source published no number "
                "for them; they are not counted as zero."
            )
        if self.ignored_organisations:
            found.append(
                f"{len(self.ignored_organisations)} organisations in the source are not members and are left out: "
                f"{', '.join(self.ignored_organisations)}."
            )
        return tuple(found)


def count_published(
    measure: Measure, source: PublishedSource, *, member_codes: Collection[str], periods: tuple[Period, ...]
) -> Count:
    """Return what a published file says of a measure, per member and period. See `read_published`."""
    return read_published(measure, source, member_codes=member_codes, periods=periods).count


def read_published(
    measure: Measure, source: PublishedSource, *, member_codes: Collection[str], periods: tuple[Period, ...]
) -> PublishedCount:
    """Return what a published file says of a measure, per member and period, and what it does not say.

    Rows that pass the filters are summed per organisation and period. An organisation-period with an empty numerator or
    denominator in any of its rows is not published: it is left out, never zero. Rows outside `periods` are
    not looked at.

    Args:
        measure: a measure of published counts.
        source: the file and its columns.
        member_codes: ODS codes of the network's members.
        periods: the periods asked for, not overlapping.

    Raises:
        DefinitionError: if the measure is to be counted from records.
        PublishedDataError: naming file, line and column: whatever `read_csv` refuses, a measure without columns, a
            filter that no row passes, an organisation that is no member, a row given twice, a numerator above its
            denominator.
    """
    if not isinstance(measure.question, PublishedQuestion):
        raise DefinitionError(
            f"{measure.ref} is counted from records; ask it of a site with `records` in its site.yaml"
        )
    columns = source.measures.get(measure.id)
    if columns is None:
        raise PublishedDataError(
            f"{measure.ref}: {DECLARED_IN} names no columns for {measure.id}; "
            f"add them under `measures` {nearest(measure.id, source.measures)}"
        )
    rows = _with_period(_filtered(_read(source, columns), source), source, periods)
    rows, ignored = _members_only(rows, source, member_codes)
    _refuse_repeated(rows, source)
    _refuse_above(rows, source, columns)
    summed = rows.group_by(source.organisation, _START).agg(
        pl.col(_NUMERATOR, _DENOMINATOR).sum(),
        pl.any_horizontal(pl.col(_NUMERATOR, _DENOMINATOR).is_null()).any().alias("blank"),
    )
    published = summed.filter(~pl.col("blank")).select(
        member=pl.col(source.organisation),
        period=pl.col(_START),
        numerator=pl.col(_NUMERATOR),
        denominator=pl.col(_DENOMINATOR),
    )
    cells = published.select(list(count_schema(()))).sort("member", "period")
    return PublishedCount(
        count=Count(measure=measure.ref, strata=(), cells=cells),
        not_published=summed.height - published.height,
        ignored_organisations=ignored,
    )


def _read(source: PublishedSource, columns: PublishedColumns) -> pl.DataFrame:
    words = dict.fromkeys((source.organisation, *source.filters), ColumnType.TEXT)
    dates = {source.period: ColumnType.DATE}
    numbers = dict.fromkeys((columns.numerator, columns.denominator), ColumnType.COUNT)
    for name in (words.keys() & dates.keys()) | (numbers.keys() & (words | dates).keys()):
        raise PublishedDataError(f"{DECLARED_IN} uses column {name} for two different things; correct one of them")
    table = read_csv(
        source.file,
        words | dates | numbers,
        error=PublishedDataError,
        may_be_blank={*source.filters, *numbers} - {source.organisation},
        dialect=source.dialect,
    )
    return table.with_columns(
        pl.col(columns.numerator).alias(_NUMERATOR), pl.col(columns.denominator).alias(_DENOMINATOR)
    )


def _filtered(rows: pl.DataFrame, source: PublishedSource) -> pl.DataFrame:
    for column, allowed in source.filters.items():
        for value in allowed:
            if not (rows[column] == value).any():
                raise PublishedDataError(
                    f'{source.file.name}, column {column}: no row holds "{value}"; correct the filter in {DECLARED_IN}'
                )
    return rows.filter(*(pl.col(column).is_in(list(allowed)) for column, allowed in source.filters.items()))


def _with_period(rows: pl.DataFrame, source: PublishedSource, periods: tuple[Period, ...]) -> pl.DataFrame:
    calendar = pl.DataFrame(
        {_START: [period.start for period in periods], _END: [period.end for period in periods]},
        schema={_START: pl.Date(), _END: pl.Date()},
    ).sort(_START)
    dated = rows.sort(source.period).join_asof(calendar, left_on=source.period, right_on=_START, coalesce=False)
    return dated.filter(pl.col(source.period) <= pl.col(_END)).sort(LINE)


def _members_only(
    rows: pl.DataFrame, source: PublishedSource, member_codes: Collection[str]
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    members = sorted(member_codes)
    strangers = rows.filter(~pl.col(source.organisation).is_in(members))
    if strangers.height and source.unknown_organisations is UnknownOrganisations.REFUSE:
        line, code = strangers.row(0, named=True)[LINE], strangers[source.organisation][0]
        others = strangers[source.organisation].n_unique() - 1
        raise PublishedDataError(
            f'{source.file.name}, line {line}, column {source.organisation}: "{code}"'
            + (f" (and {others} more organisations)" if others else "")
            + f" is not a member; add it to members.csv, or say `unknown_organisations: ignore` in {DECLARED_IN}"
        )
    return rows.filter(pl.col(source.organisation).is_in(members)), tuple(
        strangers[source.organisation].unique().sort().to_list()
    )


def _refuse_repeated(rows: pl.DataFrame, source: PublishedSource) -> None:
    keys = [source.organisation, _START, *(name for name in source.filters if name != source.organisation)]
    repeated = rows.filter(rows.select(keys).is_duplicated())
    if repeated.height:
        first = repeated.join(repeated.head(1).select(keys), on=keys, how="semi", nulls_equal=True)[LINE]
        raise PublishedDataError(
            f"{source.file.name}, line {first[1]}: this organisation and period is already on line {first[0]}; remove "
            f"one, or, if another column tells them apart, add it to `filters` in {DECLARED_IN}"
        )


def _refuse_above(rows: pl.DataFrame, source: PublishedSource, columns: PublishedColumns) -> None:
    above = rows.filter(pl.col(_NUMERATOR) > pl.col(_DENOMINATOR))
    if above.height:
        raise PublishedDataError(
            f"{source.file.name}, line {above[LINE][0]}: {columns.numerator} is above {columns.denominator}; correct "
            "the row or the columns the mapping names"
        )
