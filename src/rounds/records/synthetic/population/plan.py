"""The plan of a synthetic population: how many people, at how many sites, in which blocks, as of which day.

A block is a contiguous range of person ids. Each is drawn from its own Philox streams, keyed by (seed, site, block,
purpose), so that it holds the same rows whoever draws it, in any order and on any machine.
"""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

FIRST_DAY: Final = date(2015, 1, 1)
LAST_DAY: Final = date(2024, 12, 31)
YEARS: Final = tuple(range(FIRST_DAY.year, LAST_DAY.year + 1))

MOST_BLOCKS_A_SITE: Final = 1000
MOST_SITES: Final = 200
_PERSON_IDS_A_SITE: Final = 10_000_000
_ROW_IDS_A_BLOCK: Final = 10_000_000
_LARGEST_INT32: Final = 2**31 - 1


def day_number(day: date) -> int:
    """Return the days from 1970-01-01 to a day.

    >>> day_number(date(1970, 1, 2))
    1
    """
    return day.toordinal() - date(1970, 1, 1).toordinal()


FIRST: Final = day_number(FIRST_DAY)
LAST: Final = day_number(LAST_DAY)
NEVER: Final = _LARGEST_INT32
"""A day that does not come."""

YEAR_STARTS: Final = np.array([day_number(date(year, 1, 1)) for year in (*YEARS, YEARS[-1] + 1)], dtype=np.int32)


class Stream(IntEnum):
    """What a stream of random numbers is for. Streams of one seed never overlap."""

    SITES = 0
    PLACES = 1
    LIVES = 2
    RESIDENTS = 3
    VISITORS = 4
    CONTACTS = 5
    STAYS = 6
    CONDITIONS = 7
    DRUGS = 8
    PROCEDURES = 9
    LABORATORY = 10
    VITALS = 11
    OBSERVATIONS = 12
    REGISTRATION = 13
    DETAILS = 14
    RECORDING = 32
    """and the ones after it, one for each table"""


_STREAMS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaws:
    """Shares of rows that are less than perfect, as planted. Each is from 0 to 1."""

    value_missing: float = 0.02
    """measurements without a number"""
    other_unit: float = 0.03
    """HbA1c given in per cent and labelled so"""
    mislabelled_unit: float = 0.004
    """HbA1c given in per cent but labelled mmol/mol: a value below 20 can be nothing else"""
    sex_unknown: float = 0.004
    day_of_birth_missing: float = 0.3
    ethnicity_missing: float = 0.12
    address_missing: float = 0.02
    place_missing: float = 0.01
    """visits without a care site"""
    late: float = 0.04
    """rows that are recorded 30 to 180 days after the event"""
    corrected: float = 0.005
    """rows that say something else until they are corrected, 90 days after they were recorded"""
    withdrawn: float = 0.002
    """rows recorded in error, as a share of the true ones, that are withdrawn after 60 days"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A contiguous range of one site's person ids."""

    site: int
    number: int
    residents: int
    visitors: int
    """people who live at the site before this one, and are known here under another id"""
    first_person_id: int
    first_row_id: int
    """of every table of events; ids differ between blocks and between sites"""

    @property
    def people(self) -> int:
        return self.residents + self.visitors


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """What is laid down about a synthetic population before anything is drawn.

    Its records run from 2015 to 2024. The same seed, people, sites and block size give the same bytes.
    """

    seed: int
    people: int
    """who live at one of the sites; with several sites some are known at a second one too"""
    sites: int = 1
    block_people: int = 50_000
    as_of: date | None = None
    """only what had been recorded by the end of this day, as it then stood; with None, all and settled"""
    known_elsewhere: float = 0.03
    """share of a site's people who are known at the next site too, if there are several"""
    flaws: Flaws = Flaws()

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ValueError(f"a seed is a whole number from 0 to 2^63 - 1, not {self.seed}")
        if not 1 <= self.sites <= MOST_SITES:
            raise ValueError(f"give 1 to {MOST_SITES} sites, not {self.sites}")
        if self.people < 100 * self.sites:
            raise ValueError(f"every site needs 100 people: ask for {100 * self.sites} or more, not {self.people}")
        if not 100 <= self.block_people <= 200_000:
            raise ValueError(f"a block has 100 to 200,000 people, not {self.block_people}")
        if not 0 <= self.known_elsewhere <= 0.5:
            raise ValueError(f"from 0 to 0.5 of the people are known elsewhere, not {self.known_elsewhere}")
        if self.as_of is not None and not self.as_of > FIRST_DAY:
            raise ValueError(f"nothing was recorded before {FIRST_DAY}; give a later `as_of` than {self.as_of}")
        if max(self._site_blocks(residents) for residents in self.residents) > MOST_BLOCKS_A_SITE:
            raise ValueError(f"a site has at most {MOST_BLOCKS_A_SITE} blocks; make them larger, or give more sites")
        if self.first_person_id(self.sites) > _LARGEST_INT32:
            raise ValueError("the ids of so many people at so many sites do not fit 32 bits; give fewer sites")

    @property
    def residents(self) -> tuple[int, ...]:
        """How many people live at each site: sites differ in size by a factor of three or so."""
        if self.sites == 1:
            return (self.people,)
        weights = np.exp(self.generator(Stream.SITES).normal(0.0, 0.4, self.sites))
        spare = self.people - 100 * self.sites
        shares = np.floor(weights / weights.sum() * spare).astype(int) + 100
        shares[0] += self.people - shares.sum()
        return tuple(shares.tolist())

    def blocks(self, site: int) -> tuple[Block, ...]:
        """Return a site's blocks, in the order of their person ids."""
        before = self._sizes((site - 1) % self.sites) if self.sites > 1 else []
        sizes = self._sizes(site)
        blocks = []
        person_id = self.first_person_id(site)
        for number in range(max(len(sizes), len(before))):
            residents = sizes[number] if number < len(sizes) else 0
            visitors = int(before[number] * self.known_elsewhere) if number < len(before) else 0
            blocks.append(
                Block(
                    site=site,
                    number=number,
                    residents=residents,
                    visitors=visitors,
                    first_person_id=person_id,
                    first_row_id=(site * MOST_BLOCKS_A_SITE + number) * _ROW_IDS_A_BLOCK + 1,
                )
            )
            person_id += residents + visitors
        return tuple(block for block in blocks if block.people)

    def home_block(self, block: Block) -> Block:
        """Return the block that a block's visitors live in."""
        home = (block.site - 1) % self.sites
        return next(one for one in self.blocks(home) if one.number == block.number)

    def first_person_id(self, site: int) -> int:
        """Return the lowest person id of a site. Ids of different sites never meet."""
        largest = max(self.residents) * (1 + self.known_elsewhere)
        return 1 + site * _PERSON_IDS_A_SITE * int(np.ceil(largest / _PERSON_IDS_A_SITE))

    def generator(self, stream: int, *, site: int = 0, block: int = 0) -> np.random.Generator:
        """Return the random numbers of a stream, at their beginning."""
        key = np.array([self.seed, (site * MOST_BLOCKS_A_SITE + block) * _STREAMS + stream], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=key))

    def site_name(self, site: int) -> str:
        """Return the id of a site, from 0."""
        return f"site-{site + 1:02}"

    def _sizes(self, site: int) -> list[int]:
        residents = self.residents[site]
        whole, rest = divmod(residents, self.block_people)
        return [self.block_people] * whole + ([rest] if rest else [])

    def _site_blocks(self, residents: int) -> int:
        return -(-residents // self.block_people)
