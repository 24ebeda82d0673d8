"""Members: organisations with dated membership of a network."""

from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """One stretch of membership that has ended: from `joined` until the day before `left`."""

    joined: date
    left: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An organisation that belongs to the network from `joined` until the day before `left`, and in earlier spells."""

    ods_code: str
    name: str
    kind: str
    region: str
    joined: date
    """the first day of its latest spell"""
    left: date | None = None
    earlier: tuple[Spell, ...] = ()
    """its spells before that, in order"""

    def __post_init__(self) -> None:
        spells = (*self.earlier, Spell(joined=self.joined, left=self.left or date.max))
        for spell in spells:
            if spell.left <= spell.joined:
                raise DefinitionError(
                    f"member {self.ods_code}: left ({spell.left}) must be after joined ({spell.joined})"
                )
        for before, after in pairwise(spells):
            if after.joined < before.left:
                raise DefinitionError(
                    f"member {self.ods_code}: it joined again on {after.joined}, before it left on {before.left}"
                )

    def belongs_on(self, day: date) -> bool:
        return (self.joined <= day and (self.left is None or day < self.left)) or any(
            spell.joined <= day < spell.left for spell in self.earlier
        )

    @property
    def first_joined(self) -> date:
        """The day on which it first belonged."""
        return self.earlier[0].joined if self.earlier else self.joined


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Everybody who ever belonged, one entry an organisation."""

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for member in self.members:
            if member.ods_code in seen:
                raise DefinitionError(f"member {member.ods_code} is listed twice; keep one entry an organisation")
            seen.add(member.ods_code)

    def on(self, day: date) -> tuple[Member, ...]:
        """Return the members on a day, in the order of the list."""
        return tuple(member for member in self.members if member.belongs_on(day))

    def name_of(self, ods_code: str) -> str:
        """Return a member's name.

        Raises:
            DefinitionError: if the code is not in the membership.
        """
        for member in self.members:
            if member.ods_code == ods_code:
                return member.name
        raise DefinitionError(f"{ods_code} is not a member of this network; add it to members.csv")
