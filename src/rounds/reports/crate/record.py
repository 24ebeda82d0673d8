"""What the centre holds of a round beside its report: who asked what of whom, who answered, under which rule."""

from dataclasses import dataclass
from datetime import date

from rounds.disclosure.policy import Policy
from rounds.measures.definitions import Measure, MeasureRef
from rounds.network.members import Membership


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRecord:
    """That a site has answered: when, what was signed, and the rule on each table. No number is in it."""

    issued: date
    digest: str
    """SHA-256 of all that the reply says, as the site has logged it"""
    rules: tuple[tuple[MeasureRef, Policy], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRecord:
    """What became of the request to one site."""

    site: str
    asked: date
    answer: AnswerRecord | None
    """None: no answer is in the round, because there is none yet or the site has refused"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file that a round hands out."""

    path: str
    """from the folder of the outputs, with slashes"""
    size: int
    """bytes"""
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRecord:
    """Everything that the record of a round tells beside the files themselves."""

    network_id: str
    network_name: str
    membership: Membership
    round_id: str
    title: str
    asked_by: str | None
    first: date
    last: date
    as_of: date
    measures: tuple[Measure, ...]
    plan: bytes
    """the plan as it was fixed; its SHA-256 is the plan's digest"""
    inputs: str
    """SHA-256 of everything that decides what is published"""
    sites: tuple[SiteRecord, ...]
    code_version: str

    @property
    def answers(self) -> tuple[AnswerRecord, ...]:
        """The answers that are in, in the order of the sites."""
        return tuple(site.answer for site in self.sites if site.answer is not None)

    @property
    def asked(self) -> date:
        """The day of the first request; the day of the records, where no site is asked by itself."""
        return min((site.asked for site in self.sites), default=self.as_of)

    @property
    def answered(self) -> date:
        """The day of the newest reply: the round was published on it or later."""
        return max((answer.issued for answer in self.answers), default=self.asked)
