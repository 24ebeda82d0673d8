"""Which cases of another query language's specification have a counterpart in ours, and why the others have none."""

from collections.abc import Callable
from datetime import date
from functools import partial

from ehrql_asked import (
    ABOVE_8,
    BELOW_8,
    Mapped,
    before_other,
    both,
    branched,
    coded,
    codes_counted,
    compared,
    containing,
    counted,
    dated,
    dates,
    empty,
    exists,
    gives,
    had,
    highest,
    highest_of,
    is_not_on,
    is_number,
    latest,
    lowest_of_the_first_day,
    moved,
    picked,
    recorded,
    subtracted,
    summarised,
    valued,
)
from ehrql_cases import Cells, Expected

from rounds.measures.choices import Statistic

Counterpart = Callable[[Cells, Expected], Mapped]


def made_of(*columns: str, of: Statistic, all_there: bool = False) -> Counterpart:
    return lambda cells, found: summarised(cells, found, *columns, of=of, all_there=all_there)


def less(column: str, other: str, *, low: float | None = None, high: float | None = None) -> Counterpart:
    return lambda cells, found: compared(cells, found, column, other, valued(low, high))


COUNTERPARTS: dict[str, Counterpart] = {
    "count_for_patient.count_for_patient_on_event_frame": counted,
    "exists_for_patient.exists_for_patient_on_event_frame": exists,
    "count_distinct_for_patient.count_distinct_for_patient_integer": partial(counted, by_day="i1"),
    "minimum_and_maximum_for_patient.minimum_for_patient": made_of("i1", of=Statistic.LOWEST),
    "mean_for_patient.mean_for_patient_integer": made_of("i1", of=Statistic.MEAN),
    "sum_for_patient.sum_for_patient": made_of("i1", of=Statistic.SUM),
    "float.arithmetic_ops.add": made_of("f1", "f2", of=Statistic.SUM, all_there=True),
    "int.arithmetic_ops.subtract": lambda cells, found: subtracted(cells, found, "i1", "i2"),
    "float.arithmetic_ops.subtract_with_negative_result": lambda cells, found: subtracted(cells, found, "f1", "f2"),
    "int.comparison_ops.less_than_or_equal_to": less("i1", "i2", high=0),
    "int.comparison_ops.greater_than_or_equal_to": less("i1", "i2", low=0),
    "float.comparison_ops.less_than_or_equal_to": less("f1", "f2", high=0),
    "float.comparison_ops.greater_than_or_equal_to": less("f1", "f2", low=0),
    "equality.equals": less("i1", "i2", low=0, high=0),
    "logical_ops.and": both,
    "dummy.function_with_docstring": both,
    "containment.is_not_in": lambda cells, found: coded(cells, found, "c1", among=("123000", "789000"), within=False),
    "containment.is_in": lambda cells, found: coded(cells, found, "i1", among=("101", "301"), within=True),
    "date_comparison_types.accepts_python_date_object": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(None, date(2000, 1, 19))), "d1"
    ),
    "date_comparison_types.accepts_another_date_series": lambda cells, found: dated(
        cells, found, before_other, "d1", "d2"
    ),
    "date_comparisons.is_on_or_before": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(None, date(2000, 1, 1))), "d1"
    ),
    "date_comparisons.is_on_or_after": lambda cells, found: dated(
        cells, found, lambda: had("d1", window=dates(date(2000, 1, 1), None)), "d1"
    ),
    "date_comparisons.is_not_in": lambda cells, found: dated(
        cells, found, lambda: is_not_on(date(2010, 1, 1), date(1900, 1, 1)), "d1"
    ),
    "date_series_ops.add_date_to_duration": partial(moved, days=100),
    "equality.is_null": empty,
    "maximum_of_and_minimum_of_event_series.minimum_of_two_integer_event_series": made_of(
        "i1", "i2", of=Statistic.LOWEST
    ),
    "maximum_of_and_minimum_of_event_series.minimum_of_two_float_event_series": made_of(
        "f1", "f2", of=Statistic.LOWEST
    ),
    "maximum_of_and_minimum_of_event_series.maximum_of_two_date_event_series": lambda cells, found: latest(
        cells, found, "d1", "d2"
    ),
    "maximum_of_and_minimum_of_patient_series.minimum_of_two_integer_patient_series": made_of(
        "i1", "i2", of=Statistic.LOWEST
    ),
    "maximum_of_and_minimum_of_patient_series.minimum_of_two_float_patient_series": made_of(
        "f1", "f2", of=Statistic.LOWEST
    ),
    "maximum_of_and_minimum_of_patient_series.maximum_of_two_date_patient_series": lambda cells, found: latest(
        cells, found, "d1", "d2"
    ),
    "sort_by_column_and_pick.sort_by_column_pick_first": picked,
    "sort_by_interleaved_with_where.sort_by_before_where": partial(picked, above=102),
    "sort_by_multiple_columns_and_pick.sort_by_multiple_columns_pick_first": partial(picked, then_by="i2", value="i2"),
    "count_distinct_for_patient.count_distinct_for_patient_string": lambda cells, found: codes_counted(
        cells, found, "s1"
    ),
    "case.case_with_expression": lambda cells, found: branched(
        cells, found, (gives(6, 7), BELOW_8), (gives(100), ABOVE_8), (gives(None), None)
    ),
    "case.case_evaluated_in_order": lambda cells, found: branched(
        cells,
        found,
        (gives("even"), is_number(2, 4, 6, 8)),
        (gives("small"), BELOW_8),
        (gives("large"), had("i1", provided=valued(low=8))),
        (gives(None), None),
    ),
    "map_codes_to_categories.map_codes_to_categories": lambda cells, found: branched(
        cells, found, (gives("cat1"), had("123000")), (gives("cat2"), had("789000")), (gives(None), None), codes="c1"
    ),
    "map_values.map_values": lambda cells, found: branched(
        cells, found, (gives("a"), had("101", "301")), (gives("b"), had("201")), (gives("c"), None), codes="i1"
    ),
    "map_values.map_values_with_explicit_null": lambda cells, found: branched(
        cells,
        found,
        (gives("a"), had("101")),
        (gives("b"), had("201")),
        (gives(None), had("301")),
        (gives("c"), None),
        codes="i1",
    ),
    "float.conversion.float_as_float": lambda cells, found: recorded(cells, found, "f1"),
    "int.conversion.integer_as_int": lambda cells, found: recorded(cells, found, "i1"),
    "when_null_then.when_null_then_integer_column": lambda cells, found: recorded(cells, found, "i1", instead=0),
    "containment.contains_code": containing,
    "sort_extends_to_all_columns_when_underspecified.sorting_extends_to_selected_column": lowest_of_the_first_day,
    "maximum_of_and_minimum_of_event_series.maximum_of_nested_aggregate_and_column_and_a_value": (
        lambda cells, found: highest(cells, found, "i1", least=1, codes="s1")
    ),
} | {
    f"maximum_of_and_minimum_of_{of}_series.maximum_of_two_{kind}_{of}_series_and_{name}a_value": partial(
        highest_of, columns=columns, least=least
    )
    for of, kind, name, columns, least in (
        ("event", "integer", "", ("i1", "i2"), 150),
        ("event", "float", "float_", ("f1", "f2"), 1.5),
        ("event", "float", "integer_", ("f1", "f2"), 2),
        ("event", "date", "datetime_", ("d1", "d2"), date(2015, 5, 5)),
        ("event", "date", "string_", ("d1", "d2"), date(2015, 5, 5)),
        ("patient", "integer", "", ("i1", "i2"), 150),
        ("patient", "float", "", ("f1", "f2"), 1.5),
        ("patient", "date", "datetime_", ("d1", "d2"), date(2015, 5, 5)),
        ("patient", "date", "string_", ("d1", "d2"), date(2015, 5, 5)),
    )
}
"""By the name of the case."""

ARITHMETIC = "recorded numbers are added up and subtracted; they are not reckoned with otherwise"
ANY_OTHER = "one recorded number is compared with another, not with whichever of many is the same"
DATE_PARTS = "dates are compared through windows; no part of a date and no difference is computed"
OWN_SHIFT = "a window moves by the same for everybody, not by a recorded number"
TEXTS = "texts have no order"
NO_DAY = "every row has a day; one without is refused at import"
REFUSED = "what would be met by nobody is refused when it is written; a test says so"
OTHER_TABLE = "the data set holds another table than the case's own"

NO_COUNTERPART = {
    r"(event_series_and|patient_series_and)_.*": ARITHMETIC,
    r"(int|float)\.(arithmetic|division|exponentiation)_ops\..*": ARITHMETIC,
    r"containment_with_series\.is_in_series": ANY_OTHER,
    r"date_series_ops\.(get_month|to_first_of_year|difference.*|reversed.*)": DATE_PARTS,
    r"date_series_ops\.add_(days|months.*)": OWN_SHIFT,
    r"maximum_of_and_minimum_of_.*string_(event|patient)_series.*": TEXTS,
    r"sort_by_column_with_nulls_and_pick\..*": NO_DAY,
    r"date_comparisons\.is_on_or_between_backwards|containment\.is_in_empty_list": REFUSED,
    r"date_comparisons\.is_on_or_between|case\.case_(with_boolean_column|pick_first_non_null.*)": OTHER_TABLE,
}
"""Why a case has none, by what its name is like."""
