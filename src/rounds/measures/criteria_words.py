"""Criteria in plain words: what is asked of people and rows, as parts of a sentence."""

from rounds.measures.choices import AgeBy, Choose, Covers, Distinct, Extent, Stands, Statistic, Touches
from rounds.measures.criteria import AllOf, AnyOf, Change, Criterion, Events, Has, Lies, Not, Reaches, Scored, Summary
from rounds.measures.events import SINGLE_DAYS, Detail, EventTable
from rounds.measures.strata import Stratum
from rounds.measures.traits import Age, Answer, InGroup, Marked, Observed, Result, Sex, Value
from rounds.measures.window_words import NOUNS, day_in_words, is_a_day, thing_in_words, window_in_words
from rounds.measures.windows import AT_START, Anchor, Edge, Window

_TOUCHES = {
    Touches.STARTS: "that started",
    Touches.ENDS: "that ended",
    Touches.OVERLAPS: "under way at some time",
    Touches.INSIDE: "that started and ended",
}
_LYING = {
    Touches.STARTS: "starting",
    Touches.ENDS: "ending",
    Touches.OVERLAPS: "under way at some time",
    Touches.INSIDE: "starting and ending",
}
_MARKED = {
    Detail.TYPE: "recorded as “{}”",
    Detail.STATUS: "as “{}”",
    Detail.ADMITTED_FROM: "admitted from “{}”",
    Detail.DISCHARGED_TO: "discharged to “{}”",
    Detail.QUALIFIER: "qualified by “{}”",
}


def criterion_in_words(  # noqa: PLR0912  one branch for each kind
    criterion: Criterion, *, of: EventTable | None = None
) -> str:
    """Return a criterion as part of a sentence.

    Args:
        criterion: what is asked.
        of: the table of whose rows it is asked; people in a period if there is none.

    >>> criterion_in_words(Age(low=18, high=64))
    'aged 18 to 64'
    """
    match criterion:
        case Age():
            return _age(criterion, of)
        case Sex():
            return " or ".join("of unknown sex" if sex == "unknown" else sex for sex in criterion.among)
        case InGroup():
            return _in_group(criterion, of)
        case Observed():
            if criterion.window == AT_START and of is not None:
                return "while observed"
            covered = "observed on every day" if criterion.covers is Covers.EVERY_DAY else "observed on some day"
            return f"{covered} {window_in_words(criterion.window, of=of)}"
        case Value():
            return _value(criterion)
        case Answer():
            return f"answered “{criterion.codes.title}”"
        case Marked():
            return _MARKED[criterion.detail].format(criterion.codes.title)
        case Result():
            return "with a result"
        case Lies():
            return f"{_LYING[criterion.touches]} {window_in_words(criterion.window, of=of)}"
        case Has():
            return _has(criterion, of)
        case Summary():
            return _summary(criterion, of)
        case Change():
            value, earlier = _one_of(criterion.of, of), _one_of(criterion.since, of)
            return f"with a change {_range(criterion.limits)} in value, from {earlier}, to {value}"
        case AllOf():
            return _joined([criterion_in_words(part, of=of) for part in criterion.of], "and")
        case AnyOf(at_least=1):
            return _joined([criterion_in_words(part, of=of) for part in criterion.of], "or")
        case AnyOf():
            parts = "; ".join(criterion_in_words(part, of=of) for part in criterion.of)
            return f"at least {criterion.at_least} of these: {parts}"
        case Reaches():
            return f"scoring {criterion.at_least} or more in {_points(criterion, of)}"
        case Not():
            return _not(criterion.of, of)


def _not(criterion: Criterion, of: EventTable | None) -> str:
    match criterion:
        case Has(choose=Choose.ANY):
            return _has(criterion, of, contrary=True)
        case AnyOf(at_least=1):
            return "none of these: " + "; ".join(criterion_in_words(part, of=of) for part in criterion.of)
        case Reaches():
            return f"scoring {criterion.at_least - 1} or less in {_points(criterion, of)}"
        case _:
            return f"not ({criterion_in_words(criterion, of=of)})"


def _points(asked: Reaches, of: EventTable | None) -> str:
    """Return what a score is called and what it gives points for, the most points of each kind first."""
    of_each = [
        ", else ".join(f"{given.points}: {criterion_in_words(given.to, of=of)}" for given in graded.given)
        for graded in asked.of
    ]
    return f"“{asked.title}” (points that add up: {'; '.join(of_each)})"


def noun_in_words(events: Events | Scored, *, many: bool) -> str:
    """Return what rows are called, with their codes, for example "visits “Inpatient visit”"."""
    if isinstance(events, Scored):
        return f"{'sets' if many else 'set'} of observations with a “{events.score.title}” score"
    codes = f" “{events.codes.title}”" if events.codes else ""
    lasting = ", lasting until its end is recorded," if events.without_end is Extent.ON_AND_ON else ""
    return f"{NOUNS[events.table][many]}{codes}{lasting}"


def rows_meant(events: Events | Scored, when: str, *, many: bool) -> str:
    """Return the rows that are meant and when, for example "first ever diagnosis “Fall” in the period"."""
    observed, others = _split(events.where)
    asked = f" ({_joined([criterion_in_words(part, of=events.table) for part in others], 'and')})" if others else ""
    rows = f"{noun_in_words(events, many=many)}{asked}"
    if events.first:
        return f"first ever {rows}{' while observed,' if observed else ''} {when}"
    return f"{rows} {when}{' while observed' if observed else ''}"


def _split(where: Criterion | None) -> tuple[bool, tuple[Criterion, ...]]:
    """Return whether rows must lie inside observation, and what else is asked of them."""
    parts = where.of if isinstance(where, AllOf) else () if where is None else (where,)
    others = tuple(part for part in parts if part != Observed())
    return len(others) < len(parts), others


def _has(has: Has, of: EventTable | None, *, contrary: bool = False) -> str:
    """Return that a person has rows, or that there are fewer of them than asked for."""
    if _is_in_cohort(has):
        return f"{'not ' if contrary else ''}in the cohort “{_title(has.events)}” {_during(has.window, of)}"
    table = has.events.table
    most = has.at_least - 1 if contrary else has.at_least
    many = most > 1 or has.choose is not Choose.ANY or (contrary and most == 1 and has.distinct is not Distinct.ROWS)
    rows = rows_meant(has.events, _when(has, of), many=many)
    visit = ", of the same visit" if has.same_visit else ""
    lowest = " (of several on that day the lowest)" if has.stands is Stands.LOWEST_OF_THE_DAY else ""
    chosen = "" if has.choose is Choose.ANY else f", the {has.choose} of them{lowest}"
    provided = criterion_in_words(has.provided, of=table) if has.provided else ""
    link = " " if chosen and not provided.startswith("(") else ", each " if many else ", "
    words = " ".join(part for part in ("had" if of is None else "with", _amount(has, most, contrary), rows) if part)
    return f"{words}{visit}{chosen}{link + provided if provided else ''}"


def _when(has: Has, of: EventTable | None) -> str:
    plain = has.touches is Touches.STARTS and is_plain(has.events.table)
    return ("" if plain else f"{_TOUCHES[has.touches]} ") + window_in_words(has.window, of=of)


def _is_in_cohort(has: Has) -> bool:
    """Say whether nothing more is asked than that somebody is in a cohort on a day of a window."""
    plain = has.at_least == 1 and has.choose is Choose.ANY and has.provided is None
    return plain and has.touches is Touches.OVERLAPS and has.events == _entries(has.events)


def _entries(events: Events | Scored) -> Events | None:
    """Return all entries into the cohort that events are entries into."""
    if isinstance(events, Scored) or events.table is not EventTable.COHORT:
        return None
    return Events(table=events.table, codes=events.codes)


def _title(events: Events | Scored) -> str:
    return events.codes.title if isinstance(events, Events) and events.codes else ""


def _during(window: Window, of: EventTable | None) -> str:
    """Return on which days, one of which is enough, for example "at some time in the period"."""
    words = window_in_words(window, of=of)
    a_day = window.first is not None and window.first == window.last
    return words if a_day or words.startswith("at any time") else f"at some time {words}"


def _amount(has: Has, most: int, contrary: bool) -> str:
    if contrary:
        return "no" if most == 0 else f"at most {most}{_of_distinct(has, most)}"
    if most > 1:
        return f"at least {most}{_of_distinct(has, most)}"
    if has.choose is not Choose.ANY:
        return ""
    if has.events.first:
        return "their"
    return "an" if NOUNS[has.events.table][0][0] in "aeio" else "a"


def _of_distinct(has: Has, number: int) -> str:
    """Return what is counted, if not rows: of one day or one code there may be many rows."""
    words = {Distinct.DAYS: ("day with", "different days with"), Distinct.CODES: ("code of", "different codes of")}
    return f" {words[has.distinct][number > 1]}" if has.distinct in words else ""


def is_plain(table: EventTable) -> bool:
    """Say whether rows simply happen: a diagnosis is made on a day, whatever day is recorded as its last."""
    return table in SINGLE_DAYS


def _age(age: Age, of: EventTable | None) -> str:
    if age.low is None:
        years = f"{age.high} or less"
    else:
        years = f"{age.low} or more" if age.high is None else f"{age.low} to {age.high}"
        years = str(age.low) if age.low == age.high else years
    if isinstance(age.at, Anchor):
        on = f" on the last day of the {thing_in_words(of)}" if age.at is Anchor.END and not is_a_day(of) else ""
    else:
        on = f" on {day_in_words(Edge(anchor=age.at), of)}"
    by = " (completed years)" if age.by is AgeBy.BIRTHDAY else ""
    return f"aged {years}{by}{on}{' then' if of is not None and not on else ''}"


_GROUPED = {
    Stratum.ETHNICITY: "of ethnicity",
    Stratum.DEPRIVATION: "living in an area of deprivation",
    Stratum.AREA: "living in",
    Stratum.CARE_SITE: "at the care site",
    Stratum.WARD: "on the ward",
}


def _in_group(asked: InGroup, of: EventTable | None) -> str:
    levels = " or ".join(f"“{level}”" for level in asked.among)
    belongs = "belonging to the care site" if of is None else _GROUPED[Stratum.CARE_SITE]
    words = belongs if asked.grouping.by is Stratum.CARE_SITE else _GROUPED[asked.grouping.by]
    return f"{words} {levels} ({asked.grouping.title})"


_SUMMARY = {
    Statistic.MEAN: "a mean value",
    Statistic.SUM: "a sum of values",
    Statistic.LOWEST: "the lowest value",
    Statistic.HIGHEST: "the highest value",
}


def _summary(summary: Summary, of: EventTable | None) -> str:
    return f"with {_SUMMARY[summary.of]} {_range(summary.limits)}, of all {found_in_words(summary.rows, of)}"


def _value(value: Value) -> str:
    units = f" in the unit {' or '.join(map(str, value.units))}" if value.units else ""
    return f"with a value {_range(value)}{units}"


def _range(value: Value) -> str:
    # As many figures as were written: of 1234567 six would not be enough.
    low, high = ("" if limit is None else f"{limit:.15g}" for limit in (value.low, value.high))
    above = f"{'at least' if value.low_included else 'above'} {low}" if low else ""
    below = f"{'at most' if value.high_included else 'below'} {high}" if high else ""
    limits = " and ".join(part for part in (above, below) if part) or "recorded"
    if low and high and value.low_included and value.high_included:
        limits = f"of {low}" if low == high else f"from {low} to {high}"
    return f"of {limits}" if limits.startswith("at ") else limits


def _joined(parts: list[str], word: str) -> str:
    if len(parts) == 1:
        return parts[0]
    simple = all(", " not in part and "(" not in part for part in parts)
    if word == "and" and simple:
        return ", and ".join(parts)
    return "(" + f"; {word} ".join(parts) + ")"


def _one_of(has: Has, of: EventTable | None) -> str:
    """Return the one row that is looked for, for example "the last of measurements “Hba1c” in the period"."""
    lowest = " (of several on that day the lowest)" if has.stands is Stands.LOWEST_OF_THE_DAY else ""
    chosen = f"the {has.choose} of " if has.choose is not Choose.ANY else "their " if of is None else "the "
    return f"{chosen}{found_in_words(has, of, many=has.choose is not Choose.ANY)}{lowest}"


def found_in_words(has: Has, of: EventTable | None, *, many: bool = True) -> str:
    """Return the rows that are looked for, when and what of each."""
    rows = rows_meant(has.events, _when(has, of), many=many)
    provided = f", each {criterion_in_words(has.provided, of=has.events.table)}" if has.provided else ""
    return f"{rows}{', of the same visit' if has.same_visit else ''}{provided}"
