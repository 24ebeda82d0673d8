"""What code lists mean at a site, from the vocabulary in its pack; what is wrong is said by the common check."""

from collections.abc import Sequence

import numpy as np

from rounds.engines.asked import cohorts_of, records_question
from rounds.engines.codes import Concepts, columns_needed, prepare
from rounds.engines.groups import grouping_problems
from rounds.engines.pack.blocks import places_of
from rounds.engines.pack.layout import Pack
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.definitions import Measure
from rounds.measures.questions import RecordsQuestion
from rounds.records.omop import Records
from rounds.records.tables import CONCEPT, CONCEPT_ANCESTOR


def concepts_of(measures: Sequence[Measure], records: Records, pack: Pack) -> Concepts:
    """Return what the code lists of some measures mean, or refuse as `prepare` does.

    Raises:
        RecordsError: if the site's tables or vocabulary cannot answer a measure.
    """
    found: dict[CodeList | Cohort, tuple[int, ...]] = {}
    if all(_answerable(measure, records) for measure in measures):
        for codes in dict.fromkeys(codes for measure in measures for codes in records_question(measure).code_lists):
            if not _known(codes, records, pack) or not (concepts := _concepts(codes, pack)):
                break
            found[codes] = concepts
        else:
            return found | cohorts_of(measures)
    # Something is wrong, or looks wrong from here: the check that all engines share has the words for it.
    with records.connect() as connection:
        return prepare(connection, measures, records)


def _answerable(measure: Measure, records: Records) -> bool:
    question = measure.question
    if not isinstance(question, RecordsQuestion):
        return False
    has_tables = all(records.has(table) for table in question.tables)
    has_columns = not any(records.lacks(table, column) for table, column in columns_needed(question))
    return has_tables and has_columns and not any(grouping_problems(measure, records))


def _known(codes: CodeList, records: Records, pack: Pack) -> bool:
    if codes.descendants and not records.has(CONCEPT_ANCESTOR.name):
        return False
    return not records.has(CONCEPT.name) or _all_known(codes, pack)


def _all_known(codes: CodeList, pack: Pack) -> bool:
    # Not np.unique, which imports masked arrays: a new process waits for them.
    wanted = np.array(sorted({*codes.concept_ids, *codes.excluded_ids}), dtype=np.int64)
    return len(places_of(wanted, pack.concept)) == len(wanted)


def _concepts(codes: CodeList, pack: Pack) -> tuple[int, ...]:
    named, left_out = set(codes.concept_ids), set(codes.excluded_ids)
    if codes.descendants:
        named, left_out = _with_descendants(named, pack), _with_descendants(left_out, pack)
    return tuple(sorted(named - left_out))


def _with_descendants(concepts: set[int], pack: Pack) -> set[int]:
    found = set(concepts)
    for concept in concepts:
        start, stop = np.searchsorted(pack.ancestor, [concept, concept + 1])
        found.update(pack.descendant[start:stop].tolist())
    return found
