"""Names as written matched to organisations: certain where the words are the same, a proposal for people otherwise."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

from rounds.network.names import GENERIC, says_what_it_is, words_of

RULES: Final = "match@1"
MOST_CANDIDATES: Final = 4
_WORTH_NAMING: Final = 0.35
"""A candidate with a lower score helps nobody."""
_CLEAR_LEAD: Final = 0.15
_CODE: Final = re.compile(r"\b([A-Z0-9]{3,6})\b")
_ENOUGH: Final = 500
"""Organisations to look at for one name; its rarest words come first."""
_SLIP: Final = 0.75
"""Of two words, the share of letters alike from which one counts as a slip for the other in a proposal."""


class Certainty(StrEnum):
    """What may be done with a match."""

    CERTAIN = "certain"
    """used at once"""
    PROPOSED = "proposed"
    """a person must say yes"""
    AMBIGUOUS = "ambiguous"
    """several would do: a person must choose"""
    NONE = "none"
    """nothing like it is known"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organisation:
    """An organisation that a name may mean."""

    ods_code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One organisation that a name may mean, and how much alike the two are."""

    organisation: Organisation
    score: float
    """0 to 1; 1 only if the words are the same"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a name as written may mean."""

    as_written: str
    certainty: Certainty
    best: Candidate | None
    others: tuple[Candidate, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Register:
    """The organisations there are, ready to be looked up."""

    organisations: tuple[Organisation, ...]
    _by_code: Mapping[str, Organisation] = field(init=False, repr=False, compare=False)
    _by_words: Mapping[tuple[str, ...], tuple[Organisation, ...]] = field(init=False, repr=False, compare=False)
    _words: Sequence[tuple[Organisation, Counter[str]]] = field(init=False, repr=False, compare=False)
    _with_word: Mapping[str, Sequence[int]] = field(init=False, repr=False, compare=False)
    _weight: Mapping[str, float] = field(init=False, repr=False, compare=False)
    _of_unknown: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_words: dict[tuple[str, ...], dict[str, Organisation]] = defaultdict(dict)
        named = []
        seen: Counter[str] = Counter()
        for one in self.organisations:
            words = words_of(one.name)
            by_words[words].setdefault(one.ods_code, one)
            named.append((one, Counter(words)))
            seen.update(set(words))
        total = max(len(named), 1)
        weight = {word: (0.25 if word in GENERIC else 1.0) * math.log1p(total / n) for word, n in seen.items()}
        object.__setattr__(self, "_by_code", {one.ods_code: one for one in reversed(self.organisations)})
        object.__setattr__(
            self, "_by_words", {words: tuple(found.values()) for words, found in by_words.items() if words}
        )
        object.__setattr__(self, "_words", named)
        with_word: dict[str, list[int]] = defaultdict(list)
        for place, (_, own) in enumerate(named):
            for word in own:
                with_word[word].append(place)
        object.__setattr__(self, "_with_word", dict(with_word))
        object.__setattr__(self, "_weight", weight)
        object.__setattr__(self, "_of_unknown", max(weight.values(), default=1.0))

    def with_code(self, code: str) -> Organisation | None:
        """Return the organisation of an ODS code; of several names for one code the first that was given."""
        return self._by_code.get(code)

    def match(self, as_written: str, *, code: str = "") -> Match:
        """Return what a name means, or may mean.

        Certain is only what cannot be another: a code of the register (in a column of its own, or as the whole of what
        is written), or a name with just the words of one organisation. A code and a name that contradict each other,
        and whatever differs in one word, wait for a person.

        Args:
            as_written: the name, perhaps with a code in it.
            code: what stands in a column of codes, if there is one.
        """
        code = code.strip().upper()
        by_code = self._by_code.get(code) if code else None
        words = words_of(as_written)
        same = self._by_words.get(words, ())
        if by_code is not None:
            return self._with_code(as_written, by_code, same, words)
        if code:
            found = self._like(words)
            return self._waiting(as_written, found, f"the code {code[:12]} is not in the register")
        if written := self._by_code.get(as_written.strip().upper()):
            return _certain(as_written, written, "it is an ODS code")
        if len(same) == 1 and (says_what_it_is(as_written) or not says_what_it_is(same[0].name)):
            return _certain(as_written, same[0], "the same words, once abbreviations are written out")
        if len(same) == 1:
            return Match(
                as_written=as_written,
                certainty=Certainty.PROPOSED,
                best=Candidate(organisation=same[0], score=0.99),
                others=(),
                why="the same words, but it may be the place or the university: it does not say that it is a trust",
            )
        if same:
            candidates = tuple(Candidate(organisation=one, score=1.0) for one in same[:MOST_CANDIDATES])
            return Match(
                as_written=as_written,
                certainty=Certainty.AMBIGUOUS,
                best=candidates[0],
                others=candidates[1:],
                why=f"{len(same)} organisations have just these words",
            )
        inside = [
            self._by_code[one]
            for one in _CODE.findall(as_written)
            if one in self._by_code and any(map(str.isdigit, one))
        ]
        if len(inside) == 1:
            rest = words_of(as_written.replace(inside[0].ods_code, " "))
            if rest == words_of(inside[0].name) or not rest:
                return _certain(as_written, inside[0], "its ODS code and name")
            best = Candidate(organisation=inside[0], score=0.99)
            return Match(
                as_written=as_written,
                certainty=Certainty.PROPOSED,
                best=best,
                others=(),
                why="an ODS code stands in it",
            )
        return self._waiting(as_written, self._like(words), "")

    def _with_code(
        self, as_written: str, by_code: Organisation, same: tuple[Organisation, ...], words: tuple[str, ...]
    ) -> Match:
        own = {one.ods_code for one in same}
        if not words or by_code.ods_code in own:
            return _certain(as_written, by_code, "its ODS code" + (" and name" if words else ""))
        score = self._score(Counter(words), Counter(words_of(by_code.name)))
        likest = self._like(words)
        if not own and score >= _SLIP and (not likest or likest[0].organisation.ods_code == by_code.ods_code):
            return _certain(as_written, by_code, "its ODS code, and a name that is nearest to it")
        best = Candidate(organisation=by_code, score=score)
        others = tuple(one for one in likest if one.organisation.ods_code != by_code.ods_code)
        return Match(
            as_written=as_written,
            certainty=Certainty.AMBIGUOUS,
            best=best,
            others=others[: MOST_CANDIDATES - 1],
            why=f"the code is that of {by_code.name}, and the name is another",
        )

    def _waiting(self, as_written: str, found: tuple[Candidate, ...], because: str) -> Match:
        lead = f"{because}; " if because else ""
        if not found:
            return Match(
                as_written=as_written, certainty=Certainty.NONE, best=None, others=(), why=f"{lead}no name is like it"
            )
        best, *others = found
        close = bool(others) and best.score - others[0].score < _CLEAR_LEAD
        missing = Counter(words_of(best.organisation.name)) - Counter(words_of(as_written))
        extra = Counter(words_of(as_written)) - Counter(words_of(best.organisation.name))
        differs = [f'without "{word}"' for word in missing] + [f'with "{word}"' for word in extra]
        return Match(
            as_written=as_written,
            certainty=Certainty.AMBIGUOUS if close else Certainty.PROPOSED,
            best=best,
            others=tuple(others),
            why=f"{lead}{'several are nearly alike' if close else 'the nearest name'}: {', '.join(differs[:4])}",
        )

    def _like(self, words: tuple[str, ...]) -> tuple[Candidate, ...]:
        if not words:
            return ()
        wanted = Counter(words)
        best: dict[str, Candidate] = {}
        for one, own in self._worth_scoring(words):
            score = min(self._score(wanted, own), 0.99)
            if score >= _WORTH_NAMING and (one.ods_code not in best or best[one.ods_code].score < score):
                best[one.ods_code] = Candidate(organisation=one, score=score)
        ranked = sorted(best.values(), key=lambda each: (-each.score, each.organisation.ods_code))
        return tuple(ranked[:MOST_CANDIDATES])

    def _worth_scoring(self, words: tuple[str, ...]) -> list[tuple[Organisation, Counter[str]]]:
        """Return those who share a word that tells organisations apart, or have one that it may be a slip of."""
        places: set[int] = set()
        for word in sorted(set(words) - GENERIC, key=self._of, reverse=True):
            near = [word] if word in self._with_word else [one for one in self._with_word if _likeness(word, one)]
            places.update(place for one in near for place in self._with_word[one])
            if len(places) > _ENOUGH:
                break
        return [self._words[place] for place in sorted(places)]

    def _score(self, wanted: Counter[str], own: Counter[str]) -> float:
        """Return the weight of words that two names share, of all their words; rare words weigh more."""
        shared = wanted & own
        left, right = wanted - shared, own - shared
        alike = 2 * self._sum(shared)
        for word in list(left):
            slip = max(right, key=lambda other: _likeness(word, other), default=None) if len(word) > 4 else None
            if slip is not None and (likeness := _likeness(word, slip)) >= _SLIP:
                alike += likeness * (self._of(word, slip) + self._of(slip))
                right = right - Counter([slip])
        whole = sum(self._of(word) * n for word, n in (wanted + own).items())
        return alike / whole if whole else 0.0

    def _sum(self, words: Counter[str]) -> float:
        return sum(self._of(word) * n for word, n in words.items())

    def _of(self, word: str, instead: str = "") -> float:
        return self._weight.get(word, self._weight.get(instead, self._of_unknown))


@lru_cache(maxsize=200_000)
def _likeness(word: str, other: str) -> float:
    """Return the share of letters that two words have alike; 0 where it is below what counts as a slip."""
    return OSA.normalized_similarity(word, other, score_cutoff=_SLIP)


def register_of(organisations: Iterable[Organisation]) -> Register:
    """Return a register of organisations; one may come under several names."""
    return Register(tuple(dict.fromkeys(organisations)))


def _certain(as_written: str, organisation: Organisation, why: str) -> Match:
    best = Candidate(organisation=organisation, score=1.0)
    return Match(as_written=as_written, certainty=Certainty.CERTAIN, best=best, others=(), why=why)
