"""Members: organisations with dated membership of a network."""

from dataclasses import dataclass
from datetime import date

from rounds.errors import DefinitionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An organisation that belongs to the network from `joined` until the day before `left`."""

    ods_code: str
    name: str
    kind: str
    region: str
    joined: date
    left: date | None = None

    def __post_init__(self) -> None:
        if self.left is not None and self.left <= self.joined:
            raise DefinitionError(f"member {self.ods_code}: left ({self.left}) must be after joined ({self.joined})")

    def belongs_on(self, day: date) -> bool:
        return self.joined <= day and (self.left is None or day < self.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Everybody who ever belonged, one entry an organisation."""

    members: tuple[Member, ...]

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for member in self.members:
            if member.ods_code in seen:
                raise DefinitionError(f"member {member.ods_code} is listed twice; keep one row an organisation")
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
