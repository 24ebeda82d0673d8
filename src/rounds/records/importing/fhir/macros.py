"""Words of SQL for what every FHIR resource has: references, codings, dates."""

from typing import Final

from rounds.records.importing.rules import KNOWN_STATES
from rounds.records.importing.sql import words
from rounds.records.importing.staged import SEPARATOR

MACROS: Final = (
    # Patient/7, urn:uuid:7, http://x/Patient/7/_history/2, Location?identifier=system|7 and #7 all mean 7.
    # The two first cases are nearly all there are, and cheap.
    "CREATE MACRO target(r) AS CASE WHEN starts_with(r, 'Patient/') AND NOT contains(r, '/_') THEN substring(r, 9) "
    "WHEN starts_with(r, 'Encounter/') AND NOT contains(r, '/_') THEN substring(r, 11) "
    "WHEN r IS NULL OR r = '' THEN NULL "
    "WHEN contains(r, '/_history/') THEN split_part(split_part(r, '/_history/', 1), '/', -1) "
    "WHEN contains(r, '|') THEN split_part(r, '|', -1) "
    "WHEN contains(r, '/') THEN split_part(r, '/', -1) "
    "WHEN contains(r, ':') THEN split_part(r, ':', -1) ELSE ltrim(r, '#') END",
    "CREATE MACRO coded(codings) AS array_to_string(list_transform(codings, lambda c: "
    f"coalesce(c.system, '') || '|' || coalesce(c.code, '')), '{SEPARATOR}')",
    "CREATE MACRO codes(concept) AS CASE WHEN len(concept.coding) = 1 "
    "THEN concat(concept.coding[1].system, '|', concept.coding[1].code) "
    "WHEN len(concept.coding) > 1 THEN coded(concept.coding) "
    "WHEN trim(concept.text) <> '' THEN '|' || concept.text END",
    "CREATE MACRO codes_of(concepts) AS CASE WHEN len(concepts) > 0 THEN "
    f"array_to_string(list_transform(concepts, lambda x: codes(x)), '{SEPARATOR}') END",
    "CREATE MACRO first_code(concept) AS concept.coding[1].code",
    "CREATE MACRO has_code(concepts, word) AS len(list_filter(concepts, lambda x: "
    "len(list_filter(x.coding, lambda c: c.code = word)) > 0)) > 0",
    # The day and time as they were written where it happened; the zone is not applied.
    "CREATE MACRO day(d) AS CASE WHEN length(d) >= 10 THEN TRY_CAST(left(d, 10) AS DATE) END",
    "CREATE MACRO moment(d) AS CASE WHEN length(d) >= 19 THEN TRY_CAST(left(d, 19) AS TIMESTAMP) "
    "WHEN length(d) >= 16 THEN TRY_CAST(left(d, 16) || ':00' AS TIMESTAMP) END",
    "CREATE MACRO undated(d) AS CASE WHEN d IS NULL THEN 'without a date' "
    "WHEN length(d) < 10 THEN 'the date has no day' ELSE 'the date is no date' END",
    "CREATE MACRO state(s) AS CASE WHEN s IS NULL THEN 'without a status' WHEN s IN ("
    + words(KNOWN_STATES)
    + ") THEN 'status ' || s ELSE 'a status that FHIR does not know' END",
)
