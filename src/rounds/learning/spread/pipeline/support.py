"""What support to innovators came to, each company and each pound counted once.

Rules `support@1`:

1. Two names are one company if their Companies House numbers are the same, or if the names are the same but for
   capitals, punctuation and the legal form and no two numbers say otherwise; or if a person has said so. Names that are
   nearly alike are proposed to people, and until then are two companies.
2. Two claims of one company and kind with the same reference are one.
3. Two claims of one company, kind and amount, not both with a reference, by different programmes or in different
   quarters, no more than 183 days apart, are one. (One programme may support two such posts in a quarter.)
4. A claim counts for who made it first, on one day by the name of the programme. The others count 0 and say whose.
5. What may be a second claim of the same (another amount, by another programme within 183 days; or the same, if two
   companies are one) is counted, and stands in the range: the lowest total leaves it out, the highest counts every
   claim as made.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from rapidfuzz import fuzz

from rounds.network.pipeline import Contact, Outcome, OutcomeKind, Pipeline, Support

RULES: Final = "support@1"
SAME_WITHIN_DAYS: Final = 183
NEARLY_ALIKE: Final = 88.0
"""Of 100, as the token sort ratio has it."""
_FORMS: Final = frozenset(
    {"ltd", "limited", "plc", "llp", "inc", "uk", "the", "co", "company", "cic", "group", "holdings"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaybeSame:
    """Two names that may be one company; a person has to say."""

    company: str
    other: str
    likeness: float
    """0 to 100"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A claim, and whether it counts."""

    claim: Outcome
    company: str
    """the name under which the company is counted"""
    counts: bool
    why: str
    """empty where nothing is to be said"""
    doubtful: bool = False
    """it counts, and may be a second claim of something else"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """The total of a kind of outcome."""

    kind: OutcomeKind
    amount: float
    lower: float
    upper: float
    claims: int
    counted: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportSummary:
    """What support came to."""

    companies: int
    contacts: int
    supports: int
    claims: tuple[Counted, ...]
    """by kind, company and day"""
    totals: tuple[Total, ...]
    maybe_same: tuple[MaybeSame, ...]


def plain_company(name: str) -> str:
    """Return a company's name without capitals, punctuation and legal form.

    >>> plain_company("The Acme-Health (UK) Ltd.")
    'acme health'
    """
    text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("&", " and ")
    words = re.findall(r"[a-z0-9]+", text.replace("'", ""))
    return " ".join(word for word in words if word not in _FORMS) or " ".join(words)


def counted_support(pipeline: Pipeline, *, said: Mapping[tuple[str, str], bool] | None = None) -> SupportSummary:
    """Return what support to innovators came to, each company and each pound counted once.

    Args:
        pipeline: contacts, support and outcomes.
        said: whether two companies are one, where a person has said, by their plain names in alphabetical order.
    """
    said = said or {}
    rows: tuple[Contact | Support | Outcome, ...] = (*pipeline.contacts, *pipeline.support, *pipeline.outcomes)
    named = _companies([(row.company, row.company_number) for row in rows], said)
    maybe = _maybe_same(named, said)
    claims = _claims(pipeline.outcomes, named)
    if maybe:
        # What would no longer count if all that may be one were one.
        as_one = {key: _joined(company, maybe) for key, company in named.items()}
        fewer = {id(one.claim) for one in _claims(pipeline.outcomes, as_one) if one.counts and not one.doubtful}
        why = "its company may be one with another, which claimed it too"
        claims = tuple(
            replace(one, doubtful=True, why=one.why or why) if one.counts and id(one.claim) not in fewer else one
            for one in claims
        )
    return SupportSummary(
        companies=len({*named.values()}),
        contacts=len(
            {(named[_key(row.company, row.company_number)], row.date, row.programme) for row in pipeline.contacts}
        ),
        supports=len(
            {
                (named[_key(row.company, row.company_number)], row.date, row.programme, row.what)
                for row in pipeline.support
            }
        ),
        claims=claims,
        totals=tuple(_total(kind, claims) for kind in OutcomeKind if any(one.claim.kind is kind for one in claims)),
        maybe_same=maybe,
    )


_Key = tuple[str, str]


def _key(name: str, number: str) -> _Key:
    return plain_company(name), number.strip().upper().lstrip("0")


def _companies(rows: Iterable[tuple[str, str]], said: Mapping[tuple[str, str], bool]) -> dict[_Key, str]:
    """Return under which name each (plain name, number) is counted."""
    keys = sorted({_key(*row) for row in rows})
    first: dict[_Key, str] = {}
    for name, number in sorted(rows):
        first.setdefault(_key(name, number), name)
    group = {key: key for key in keys}

    def root(key: _Key) -> _Key:
        while group[key] != key:
            key = group[key]
        return key

    numbers: dict[str, set[str]] = defaultdict(set)
    for name, number in keys:
        numbers[name].add(number)
    by_number: dict[str, _Key] = {}
    by_name: dict[str, _Key] = {}
    for key in keys:
        name, number = key
        if number:
            group[root(key)] = root(by_number.setdefault(number, key))
        if len(numbers[name] - {""}) <= 1:
            group[root(key)] = root(by_name.setdefault(name, key))
    for (one, other), same in said.items():
        if same and one in by_name and other in by_name:
            group[root(by_name[other])] = root(by_name[one])
    return {key: first[root(key)] for key in keys}


def _maybe_same(named: Mapping[_Key, str], said: Mapping[tuple[str, str], bool]) -> tuple[MaybeSame, ...]:
    plain = sorted({(key[0], name) for key, name in named.items()})
    numbers: dict[str, set[str]] = defaultdict(set)
    for (_, number), company in named.items():
        numbers[company] |= {number} - {""}
    found: dict[tuple[str, str], MaybeSame] = {}
    for place, (one, company) in enumerate(plain):
        for other, other_company in plain[place + 1 :]:
            if company == other_company or (one, other) in said:
                continue
            if numbers[company] and numbers[other_company]:
                continue  # two numbers are two companies
            likeness = fuzz.token_sort_ratio(one, other)
            begins = min(len(one), len(other)) >= 5 and (one.startswith(f"{other} ") or other.startswith(f"{one} "))
            if likeness >= NEARLY_ALIKE or begins:
                pair = (min(company, other_company), max(company, other_company))
                found.setdefault(pair, MaybeSame(company=pair[0], other=pair[1], likeness=round(likeness, 1)))
    return tuple(found[pair] for pair in sorted(found))


def _joined(company: str, maybe: Sequence[MaybeSame]) -> str:
    """Return the first, by name, of all companies that may be one with a company."""
    together = {company}
    for _ in maybe:
        together |= {
            one for pair in maybe if {pair.company, pair.other} & together for one in (pair.company, pair.other)
        }
    return min(together)


def _claims(outcomes: Sequence[Outcome], named: Mapping[_Key, str]) -> tuple[Counted, ...]:
    order = sorted(
        outcomes,
        key=lambda row: (
            row.kind,
            named[_key(row.company, row.company_number)],
            row.date,
            row.programme,
            row.amount,
            row.reference,
        ),
    )
    kept: dict[tuple[OutcomeKind, str], list[Outcome]] = defaultdict(list)
    found = []
    for row in order:
        company = named[_key(row.company, row.company_number)]
        before = kept[row.kind, company]
        same = next((one for one in before if _is_same(one, row)), None)
        if same is not None:
            why = f"counted once already: {same.programme} on {same.date}" + (
                f", reference {same.reference}" if same.reference and same.reference == row.reference else ""
            )
            found.append(Counted(claim=row, company=company, counts=False, why=why))
            continue
        near = next((one for one in before if _is_near(one, row)), None)
        why = f"may be a part of what {near.programme} claimed on {near.date}" if near else ""
        before.append(row)
        found.append(Counted(claim=row, company=company, counts=True, why=why, doubtful=bool(why)))
    return tuple(found)


def _is_same(one: Outcome, other: Outcome) -> bool:
    if one.reference and other.reference:
        return one.reference.strip().lower() == other.reference.strip().lower()
    apart = (one.programme, _quarter(one.date)) != (other.programme, _quarter(other.date))
    return apart and one.amount == other.amount and abs(other.date - one.date).days <= SAME_WITHIN_DAYS


def _is_near(one: Outcome, other: Outcome) -> bool:
    if one.reference and other.reference:
        return False
    return one.programme != other.programme and abs(other.date - one.date).days <= SAME_WITHIN_DAYS


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3


def _total(kind: OutcomeKind, claims: Sequence[Counted]) -> Total:
    own = [one for one in claims if one.claim.kind is kind]
    counted = [one for one in own if one.counts]
    return Total(
        kind=kind,
        amount=sum(one.claim.amount for one in counted),
        lower=sum(one.claim.amount for one in counted if not one.doubtful),
        upper=sum(one.claim.amount for one in own),
        claims=len(own),
        counted=len(counted),
    )
