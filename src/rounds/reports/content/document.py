"""A document in the making: sections of words, tables and charts, which a page and a Word file render alike."""

from dataclasses import dataclass

from rounds.reports.charts.theme import Spec
from rounds.reports.insight import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A paragraph, or the items of a list."""

    items: tuple[str, ...]
    listed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabled:
    """A table with its caption and where its numbers come from."""

    name: str
    """of a sheet: small letters, digits and hyphens"""
    caption: str
    table: Table
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A chart."""

    key: str
    title: str
    spec: Spec
    alt_text: str


Block = Words | Tabled | Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it."""

    id: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole."""

    title: str
    about: str
    """for whom, of when, and that it is a draft"""
    statement: str
    """the one sentence to remember"""
    facts: tuple[tuple[str, str], ...]
    """the numbers to remember: what, and the number with its interval"""
    sections: tuple[Section, ...]
    foot: str

    @property
    def tables(self) -> tuple[Tabled, ...]:
        """Every table, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Tabled))


def paragraph(text: str) -> Words:
    """Return one paragraph."""
    return Words(items=(text,))


def bullets(*items: str) -> Words:
    """Return a list."""
    return Words(items=items, listed=True)
