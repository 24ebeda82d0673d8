"""Published aggregates: counts that somebody else has made and published, mapped from their file to a `Count`."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import polars as pl

from rounds.errors import DefinitionError, PublishedDataError
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.measures.periods import Grain, Period, periods_between
from rounds.measures.questions import PublishedQuestion
from rounds.storage.csv_files import LINE, ColumnType, read_csv
from rounds.storage.published_source import DECLARED_IN, PublishedColumns, PublishedSource, UnknownOrganisations
from rounds.storage.suggestions import nearest

_SPAN, _START, _SPANS, _NUMERATOR, _DENOMINATOR = "_span", "_start", "_spans", "_numerator", "_denominator"
_EVERY: Final = {Grain.MONTH: "1mo", Grain.QUARTER: "1q", Grain.YEAR: "1y"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedCount:
    """A count and what its source did not say."""

    count: Count
    not_published: int
    """organisation-periods left out because a numerator or denominator is empty, or some of its months have no row"""
    ignored_organisations: tuple[str, ...]
    """codes of organisations left out because they are not members, sorted"""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the count should know, in sentences."""
        found = []
        if self.not_published:
            found.append(
                f"{self.not_published} organisation-periods are left out because their source published no number "
                "for them, or not for the whole of the period; they are not counted as zero."
            )
        if self.ignored_organisations:
            found.append(
                f"{len(self.ignored_organisations)} organisations in the source are not members and are left out: "
                f"{', '.join(self.ignored_organisations)}."
            )
        return tuple(found)


def read_published(
    measure: Measure, source: PublishedSource, *, member_codes: Collection[str], periods: tuple[Period, ...]
) -> PublishedCount:
    """Return what a published file says of a measure, per member and period, and what it does not say.

    A row is about the calendar month its date lies in, or the quarter or year if the source says `covers`. Rows that
    pass the filters are summed per organisation and period, so that monthly rows feed a quarterly or yearly measure.

    Two things make an organisation-period not published: it is left out, never zero and never a smaller sum. One is an
    empty numerator or denominator in any of its rows. The other is a month of the period without a row: every series
    (an organisation, and one combination of values that the filters allow) that has a row in the period needs one for
    each of its months. It is the calendar that decides and not what other organisations have, so a quarter whose last
    month nobody has published yet is left out for all. A department that opens or closes within a quarter, or an
    organisation that joins or merges within it, therefore leaves the quarter out; a series with no row in the whole
    period is taken not to exist.

    Rows outside `periods` are not looked at.

    Args:
        measure: a measure of published counts.
        source: the file and its columns.
        member_codes: ODS codes of the network's members.
        periods: the periods asked for, not overlapping.

    Raises:
        DefinitionError: if the measure is to be counted from records.
        PublishedDataError: naming file, line and column: whatever `read_csv` refuses, a measure without columns, a
            filter that no row passes, an organisation that is no member, two rows about the same month, a numerator
            above its denominator, rows that cover more than a period of the measure or plainly more than they say.
    """
    if not isinstance(measure.question, PublishedQuestion):
        raise DefinitionError(
            f"{measure.ref} is counted from records; ask it of a site with `records` in its site.yaml"
        )
    columns = source.measures.get(measure.id)
    if columns is None:
        raise PublishedDataError(
            f"{measure.ref}: {DECLARED_IN} names no columns for `{measure.id}`"
            + nearest(measure.id, source.measures, otherwise="add its columns under `measures`")
        )
    calendar = _calendar(measure, source, periods)
    rows = _with_period(_filtered(_read(source, columns), source), source, calendar)
    rows, ignored = _members_only(rows, source, member_codes)
    _refuse_repeated(rows, source)
    _refuse_above(rows, source, columns)
    series = _series(rows, source)
    _refuse_longer(series, source)
    summed = series.group_by(source.organisation, _START).agg(
        pl.col(_NUMERATOR, _DENOMINATOR).sum(), pl.col("published").all()
    )
    published = summed.filter("published").select(
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


def _calendar(measure: Measure, source: PublishedSource, periods: tuple[Period, ...]) -> pl.DataFrame:
    """Return the first day of every span that a row can cover, with its period and how many spans that has."""
    spans = []
    for period in periods:
        try:
            inside = periods_between(grain=source.covers, first=period.start, last=period.end)
        except ValueError:
            raise PublishedDataError(
                f"{measure.ref}: a row of {source.file.name} covers a {source.covers} (`covers` in {DECLARED_IN}), and "
                "the measure's periods are shorter; correct `covers`, or leave this site out of the measure"
            ) from None
        spans += [(span.start, period.start, len(inside)) for span in inside]
    return pl.DataFrame(spans, schema={_SPAN: pl.Date(), _START: pl.Date(), _SPANS: pl.Int64()}, orient="row")


def _with_period(rows: pl.DataFrame, source: PublishedSource, calendar: pl.DataFrame) -> pl.DataFrame:
    spans = rows.with_columns(pl.col(source.period).dt.truncate(_EVERY[source.covers]).alias(_SPAN))
    return spans.join(calendar, on=_SPAN, how="inner").sort(LINE)


def _series_keys(source: PublishedSource) -> list[str]:
    return list(dict.fromkeys((source.organisation, *source.filters)))


def _series(rows: pl.DataFrame, source: PublishedSource) -> pl.DataFrame:
    """Return the sum of each series in each period, and whether all of it is published."""
    numbers = pl.col(_NUMERATOR, _DENOMINATOR)
    return rows.group_by(*_series_keys(source), _START, _SPANS).agg(
        numbers.sum(),
        (~pl.any_horizontal(numbers.is_null()).any() & (pl.len() == pl.col(_SPANS).first())).alias("published"),
        pl.len().alias("rows"),
    )


def _refuse_longer(series: pl.DataFrame, source: PublishedSource) -> None:
    """Refuse rows that come once a period, over two periods and more: they cover more than is declared."""
    if series[_START].n_unique() > 1 and (series["rows"] == 1).all() and (series[_SPANS] > 1).all():
        raise PublishedDataError(
            f"{source.file.name}: there is one row for each quarter or year and not for each {source.covers}; if a row "
            f"covers all of it, declare `covers: quarter` or `covers: year` in {DECLARED_IN}, else add the other rows"
        )


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
    keys = [*_series_keys(source), _SPAN]
    repeated = rows.filter(rows.select(keys).is_duplicated())
    if repeated.height:
        first = repeated.join(repeated.head(1).select(keys), on=keys, how="semi", nulls_equal=True)[LINE]
        raise PublishedDataError(
            f"{source.file.name}, line {first[1]}: this organisation and {source.covers} is already on line "
            f"{first[0]}; remove one, or, if another column tells them apart, add it to `filters` in {DECLARED_IN}"
        )


def _refuse_above(rows: pl.DataFrame, source: PublishedSource, columns: PublishedColumns) -> None:
    above = rows.filter(pl.col(_NUMERATOR) > pl.col(_DENOMINATOR))
    if above.height:
        raise PublishedDataError(
            f"{source.file.name}, line {above[LINE][0]}: {columns.numerator} is above {columns.denominator}; correct "
            "the row or the columns the mapping names"
        )
