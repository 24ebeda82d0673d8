"""What the definitions of measures alone say of the numbers that several of them release.

>>> from datetime import date
>>> from rounds.measures.criteria import Events, Has
>>> from rounds.measures.definitions import Better, Measure
>>> from rounds.measures.events import EventTable
>>> from rounds.measures.periods import Grain
>>> from rounds.measures.questions import People, RecordsQuestion
>>> died = Measure(
...     id="died", version=1, title="Died", description="Who died.", grain=Grain.YEAR, strata=(), per=100,
...     question=RecordsQuestion(unit=People(), numerator=Has(events=Events(table=EventTable.DEATH, codes=None))),
...     unit="people", better=Better.LOWER, author="A", reviewer="B", next_review=date(2030, 1, 1),
... )
>>> years = died.periods(first=date(2023, 1, 1), last=date(2024, 12, 31))
>>> numbers = Quantities(tables=(Table(measure=died, periods=years),))
>>> relations(numbers).contained.tolist()  # each year's numerator lies in its denominator
[[0, 1], [2, 3]]
"""

from rounds.measures.linked.linking import relations
from rounds.measures.linked.quantities import Quantities, Table
from rounds.measures.linked.reading import DENOMINATOR, NUMERATOR
from rounds.measures.linked.relations import Relations, Why

__all__ = ["DENOMINATOR", "NUMERATOR", "Quantities", "Relations", "Table", "Why", "relations"]
