"""Questions in plain words, for the people who review them and for a site's owner who is asked."""

from rounds.measures.amounts import Amount, FoundValue, HowMany, Nights, OwnValue
from rounds.measures.choices import Distinct
from rounds.measures.criteria_words import criterion_in_words, found_in_words, is_plain, noun_in_words, rows_meant
from rounds.measures.definitions import Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import ObservedOn, People, PersonTime, PublishedQuestion, Question, RecordsQuestion, Rows
from rounds.measures.strata import Stratum
from rounds.measures.windows import Anchor

_OBSERVED = {
    ObservedOn.ANY_DAY: "on at least one day of the period",
    ObservedOn.FIRST_DAY: "on the first day of the period",
    ObservedOn.LAST_DAY: "on the last day of the period",
    ObservedOn.EVERY_DAY: "on every day of the period",
}


def measure_in_words(measure: Measure) -> tuple[tuple[str, str], ...]:
    """Return what there is to know of a measure beside its title and description, each with its name."""
    each = "over all dates" if measure.grain is Grain.ALL else f"each {measure.grain}"
    if measure.span > 1:
        each = f"every {measure.span} {measure.grain}s, moving on by one {measure.grain}"
    return (
        ("id and version", f"{measure.id} {measure.version}"),
        *question_in_words(measure.question),
        ("shown", f"{shown_words(measure)}, {each}"),
        ("strata", ", ".join(_stratum(measure, stratum) for stratum in measure.strata) or "none"),
        *((("standardised to", str(measure.standard)),) if measure.standard else ()),
        ("better", str(measure.better)),
        ("target", "none" if measure.target is None else f"{measure.target:g}"),
        *(
            (("needs", ", ".join(f"{need.name}: {need.at_least} %" for need in measure.needs)),)
            if measure.needs
            else ()
        ),
        ("written by", measure.author),
        ("reviewed by", f"{measure.reviewer}; next review {measure.next_review}"),
        ("digest", measure.digest[:16]),
    )


def shown_words(measure: Measure) -> str:
    """Return how a measure's numbers are shown: "per 1,000 admissions", "in nights, on average of admissions"."""
    if measure.shown_in is None:
        return f"per {measure.per:,} {measure.unit}"
    return f"in {measure.shown_in}, on average of {measure.unit}"


def _stratum(measure: Measure, stratum: Stratum) -> str:
    word = stratum.replace("_", " ")
    titles = [f"{word} ({grouping.title})" for grouping in measure.groupings if grouping.by is stratum]
    return titles[0] if titles else word


def question_in_words(question: Question) -> tuple[tuple[str, str], ...]:
    """Return the parts of a question, each with its name: what is counted, of whom, and what is asked."""
    if isinstance(question, PublishedQuestion):
        return (("counted", f"{question.numerator}, of {question.denominator}, as published"),)
    if isinstance(question.unit, People):
        counted = f"people observed {_OBSERVED[question.unit.observed]}"
    elif isinstance(question.unit, PersonTime):
        return _time_in_words(question, question.unit)
    else:
        counted = rows_in_words(question.unit)
    who = (("of whom", criterion_in_words(question.who, of=question.table)),) if question.who else ()
    if question.amount is not None:
        return (("counted", counted), *who, *_amount_in_words(question.amount, question.table))
    return (("counted", counted), *who, ("numerator", criterion_in_words(question.met, of=question.table)))


def _amount_in_words(amount: Amount, of: EventTable | None) -> tuple[tuple[str, str], ...]:
    """Return what there is a mean of, and what one unit adds to it."""
    missing = "is left out" if amount.if_missing is None else f"counts as {amount.if_missing:g}"
    match amount.of:
        case Nights():
            words = f"how many nights each lasts; one whose end is not recorded {missing}"
        case OwnValue():
            words = f"the value of each; one without {missing}"
        case FoundValue(rows=has, take=take):
            words = (
                f"the {take} value of {found_in_words(has, of)}; {'who' if of is None else 'what'} has none {missing}"
            )
        case HowMany(rows=has):
            distinct = {Distinct.ROWS: "", Distinct.DAYS: "days with ", Distinct.CODES: "different codes of "}
            words = f"how many {distinct[has.distinct]}{found_in_words(has, of)}"
    bounds = f"less than {amount.low:g} as {amount.low:g}, more than {amount.high:g} as {amount.high:g}"
    each = "" if of is None else f"; at most {amount.most_each} of each person in a period, the first"
    return (
        ("mean of", words),
        ("counted as", f"{bounds}, and between them the nearest step of {amount.step:g} (halves up){each}"),
    )


def _time_in_words(question: RecordsQuestion, unit: PersonTime) -> tuple[tuple[str, str], ...]:
    if unit.visits is None:
        counted = "days in the period on which people are observed and alive"
    else:
        every = unit.visits.where is None and not unit.visits.first
        visits = noun_in_words(unit.visits, many=True) if every else rows_meant(unit.visits, "that started", many=True)
        counted = f"nights in the period that people are in {visits}"
    happening = question.happening
    events = rows_meant(happening.events, "in that time", many=True)
    provided = criterion_in_words(happening.provided, of=happening.events.table) if happening.provided else ""
    days = "days with " if happening.distinct is Distinct.DAYS else ""
    who = (("of whom", criterion_in_words(question.who)),) if question.who else ()
    each = f", at most {unit.most_each} of each person in a period"
    return (("counted", counted), *who, ("numerator", f"{days}{events}{', each ' if provided else ''}{provided}{each}"))


def rows_in_words(unit: Rows) -> str:
    """Return what is counted where rows are, for example "visits “Inpatient visit” that started in the period"."""
    plain = unit.counted_on is Anchor.START and is_plain(unit.events.table)
    when = (
        "in the period" if plain else f"that {'started' if unit.counted_on is Anchor.START else 'ended'} in the period"
    )
    return rows_meant(unit.events, when, many=True)
