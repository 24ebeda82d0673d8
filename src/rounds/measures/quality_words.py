"""What each quality check means and what to do about it, in words for a data manager."""

from dataclasses import dataclass
from typing import Final

from rounds.measures.quality import Check


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckWords:
    """A check in words. `unit` is what its numbers count."""

    title: str
    meaning: str
    remedy: str
    unit: str = "rows"


def _words(title: str, meaning: str, remedy: str, unit: str = "rows") -> CheckWords:
    return CheckWords(title=title, meaning=meaning, remedy=remedy, unit=unit)


WORDS: Final[dict[Check, CheckWords]] = {
    Check.TABLE_MISSING: _words(
        "Tables that are missing or cannot be read",
        "Every site needs person and observation_period, and every file must be whole.",
        "Export the table again.",
        "tables",
    ),
    Check.COLUMN_MISSING: _words(
        "Columns that are missing or of another type",
        "OMOP requires the column, or its type cannot become the one OMOP names without losing something.",
        "Add the column to the export, or correct its type.",
        "columns",
    ),
    Check.WRONG_TYPE: _words(
        "Values of the wrong type",
        "A value is not the whole number, number or date that its column should hold; it counts as empty.",
        "Correct these values in the export: dates as YYYY-MM-DD, decimals with a point.",
    ),
    Check.EMPTY_REQUIRED: _words(
        "Required values that are empty",
        "OMOP requires a value in every row of this column.",
        "Fill it in; a concept that fits nothing is 0.",
    ),
    Check.DUPLICATED_KEY: _words(
        "Ids that come more than once",
        "The same id stands in several rows, which are likely to be one record exported twice.",
        "Keep one row for each id.",
    ),
    Check.UNKNOWN_PERSON: _words(
        "Rows of people who are not in person",
        "Nobody knows whose these rows are; a round refuses them.",
        "Export both tables on the same day.",
    ),
    Check.UNKNOWN_VISIT: _words(
        "Rows of visits that are not in visit_occurrence",
        "Criteria such as `during the visit` do not find these rows.",
        "Export both tables on the same day, or leave visit_occurrence_id empty.",
    ),
    Check.UNKNOWN_PLACE: _words(
        "Rows of a care site, location or provider that is not in its table",
        "They cannot be counted by ward, site or area.",
        "Export the small table too, on the same day.",
    ),
    Check.UNKNOWN_CONCEPT: _words(
        "Concepts that are not in the vocabulary",
        "The site's table concept does not know these ids: no code list finds them through its descendants.",
        "Load the vocabulary release that the mapping was made with.",
    ),
    Check.NOT_STANDARD: _words(
        "Concepts that are not standard",
        "Code lists name standard concepts, so these rows are never counted.",
        "Map them through concept_relationship (`Maps to`).",
    ),
    Check.OTHER_DOMAIN: _words(
        "Concepts that belong into another table",
        "Their domain is not that of the table, so a measure looks for them elsewhere.",
        "Move the rows to the table of their domain.",
    ),
    Check.UNMAPPED: _words(
        "Codes that were mapped to nothing",
        "The concept is 0: what happened is not known to any measure.",
        "Map the most frequent source codes first.",
    ),
    Check.MISSING: _words(
        "Missing values",
        "A measure that needs this column does not see these rows.",
        "Look whether the source has it and the export leaves it out.",
    ),
    Check.PEOPLE_WITHOUT: _words(
        "People without any row",
        "Either nothing of this kind happened to them, or it was not exported.",
        "Compare with what you expect of your patients.",
        "people",
    ),
    Check.BEFORE_BIRTH: _words(
        "Rows dated before birth",
        "The date or the date of birth is wrong, or the row is about the mother.",
        "Correct the date, or move the row to the person it is about.",
    ),
    Check.AFTER_DEATH: _words(
        "Rows dated more than 60 days after death",
        "The date, the death or the person is wrong.",
        "Check whether two people were merged, or a death was entered for somebody else.",
    ),
    Check.IN_FUTURE: _words(
        "Rows dated in the future",
        "Appointments that have not happened, or mistyped years.",
        "Leave out what is only planned; correct the rest.",
    ),
    Check.END_BEFORE_START: _words(
        "Ends before their start",
        "The end is taken as not known; in visits and observation periods a round refuses it.",
        "Correct the dates.",
    ),
    Check.OUTSIDE_OBSERVATION: _words(
        "Events outside observation",
        "They happened when, by observation_period, nobody was watching: rounds refuse or leave them out.",
        "Build observation periods from the same records as the events.",
    ),
    Check.OVERLAPPING_PERIODS: _words(
        "Observation periods that overlap",
        "OMOP wants one period for a stretch of time. Rounds counts the days of overlapping ones once.",
        "Merge overlapping and adjoining periods.",
        "periods",
    ),
    Check.YEAR_OF_BIRTH: _words(
        "Impossible years of birth",
        "A year before 1900 or in the future. Such people are refused, or never counted.",
        "Correct the year.",
        "people",
    ),
    Check.SEVERAL_DEATHS: _words(
        "People who died more than once",
        "OMOP holds one death for a person; the first counts.",
        "Keep the most reliable source.",
    ),
    Check.OTHER_UNIT: _words(
        "Values in another unit, or without one",
        "A measure that names its units does not see them; one that names none takes them as they are.",
        "Bring the records in with `rounds site import`, which converts the units it knows.",
        "values",
    ),
    Check.VALUE_OUT_OF_RANGE: _words(
        "Values that no living person has",
        "Mistyped values, or values in another unit than the one they carry.",
        "Look at the most frequent ones; many alike point to the unit.",
        "values",
    ),
    Check.OTHER_SEX: _words(
        "Conditions and procedures of the other sex",
        "The code, the sex or the person is wrong, or the recorded sex was changed since.",
        "Check a few; many of one code point to the mapping.",
    ),
    Check.VOLUME_JUMP: _words(
        "Months with many more or many fewer rows than the month before",
        "A feed that broke, a new system, or a load that ran twice.",
        "Look at the months named and export them again.",
        "months",
    ),
}
