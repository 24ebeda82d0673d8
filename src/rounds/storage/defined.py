"""What a definition may name: the code lists, groupings, scores and cohorts that were read before it."""

from dataclasses import dataclass
from typing import TypeVar

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.cohorts.cohort import Cohort
from rounds.measures.groupings import Grouping
from rounds.measures.person_scores import PersonScore
from rounds.measures.scores import Score
from rounds.measures.standards import Standard
from rounds.measures.strata import Stratum
from rounds.storage.suggestions import nearest

T = TypeVar("T", CodeList, Score, PersonScore, Cohort, Grouping, Standard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defined:
    """Finds definitions by a name such as "aspirin", or "aspirin v2" where there are several versions."""

    code_lists: tuple[CodeList, ...]
    scores: tuple[Score, ...] = ()
    person_scores: tuple[PersonScore, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    groupings: tuple[Grouping, ...] = ()
    standards: tuple[Standard, ...] = ()

    def codes(self, named: str) -> CodeList:
        """Return a code list.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, or there are several.
        """
        return _named(named, self.code_lists, what="code list")

    def score(self, named: str) -> Score:
        """Return a score of observations.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, or there are several.
        """
        if _among(named, self.person_scores):
            raise DefinitionError(f"score `{named}` is of people; write `scores: {{score: {named}, at_least: ...}}`")
        return _named(named, self.scores, what="score")

    def person_score(self, named: str) -> PersonScore:
        """Return a score of people.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, or there are several.
        """
        if _among(named, self.scores):
            raise DefinitionError(
                f"score `{named}` is of observations; write `had: {{score: {named}, provided: {{value: ...}}}}`"
            )
        return _named(named, self.person_scores, what="score")

    def standard(self, named: str) -> Standard:
        """Return a standard population.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, or there are several.
        """
        return _named(named, self.standards, what="standard population")

    def grouping(self, named: str, by: Stratum) -> Grouping:
        """Return a grouping.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, there are several, or it is of something
                else.
        """
        found = _named(named, self.groupings, what="grouping")
        if found.by is not by:
            raise DefinitionError(f"grouping `{named}` is of {found.by}, not of {by}")
        return found

    def cohort(self, named: str) -> Cohort:
        """Return a cohort.

        Raises:
            DefinitionError: if there is none of that name, naming the nearest, or there are several.
        """
        return _named(named, self.cohorts, what="cohort")


def _among(named: str, among: tuple[Score, ...] | tuple[PersonScore, ...]) -> bool:
    return any(named in (found.id, f"{found.id} v{found.version}") for found in among)


def _named(named: str, among: tuple[T, ...], *, what: str) -> T:
    by_name = {f"{found.id} v{found.version}": found for found in among}
    if named in by_name:
        return by_name[named]
    same_id = [name for name, found in by_name.items() if found.id == named]
    if len(same_id) == 1:
        return by_name[same_id[0]]
    if same_id:
        raise DefinitionError(f"{what} `{named}` has several versions; write one of {', '.join(same_id)}")
    raise DefinitionError(f"there is no {what} `{named}`{nearest(named, [found.id for found in among])}")
