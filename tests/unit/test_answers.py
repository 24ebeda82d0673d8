"""What a published file does not say is a gap in its site's reply, not a mistake; in a site of records it is one."""

from datetime import date

import polars as pl
import pytest
from log_stamps import no_standing

from rounds.centre.answers import check_answer
from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import Policy, Terms
from rounds.disclosure.release import release
from rounds.errors import MessageError
from rounds.exchange.messages import Reply
from rounds.exchange.question import Question
from rounds.exchange.tables import ReceivedTable
from rounds.measures.counts import Count, count_schema
from rounds.measures.definitions import Measure
from rounds.storage.library import read_library, shipped_library_folder

LIBRARY = read_library(shipped_library_folder())
FROM_RECORDS = LIBRARY.measure("cardiac-arrests", 1)
PUBLISHED = LIBRARY.measure("ae-over-4-hours", 1)


def _check(measure: Measure, rows: list[tuple[str, date]], policy: Policy) -> None:
    """Check a reply about January to March that holds these members and months."""
    cells = pl.DataFrame([(*row, 20, 400) for row in rows], schema=count_schema(()), orient="row")
    budget = Budget(rho_per_year=1.0, periods_per_year=48) if policy is Policy.NOISE else None
    released = release(
        Count(measure=measure.ref, strata=(), cells=cells),
        terms=Terms(rule=policy, budget=budget),
        already_public=True,
        draw=lambda _, many: [-60] * many,
    )
    table = ReceivedTable(measure=measure.ref, policy=policy, strata=(), cells=released.cells)
    question = Question(
        first=date(2025, 1, 1),
        last=date(2025, 3, 31),
        as_of=date(2025, 4, 1),
        measures=(measure.ref,),
        members=("A", "B"),
    )
    reply = Reply(
        round_id="r",
        site="s",
        answers="0" * 64,
        issued=date(2025, 5, 1),
        tables=(table,),
        log=no_standing(),
        digest="1" * 64,
    )
    check_answer(reply, question=question, measures=[measure], source="s.json")


JANUARY, FEBRUARY, MARCH = (date(2025, month, 1) for month in (1, 2, 3))


@pytest.mark.parametrize("policy", Policy)
def test_published_data_may_have_gaps_under_any_policy(policy: Policy) -> None:
    _check(PUBLISHED, [("A", JANUARY), ("A", FEBRUARY), ("B", MARCH)], policy)


@pytest.mark.parametrize("policy", Policy)
def test_records_have_no_gaps_under_any_policy(policy: Policy) -> None:
    _check(FROM_RECORDS, [("A", JANUARY), ("A", FEBRUARY), ("A", MARCH)], policy)
    with pytest.raises(MessageError, match="not about one member with just the 3 rows"):
        _check(FROM_RECORDS, [("A", JANUARY), ("A", FEBRUARY)], policy)
