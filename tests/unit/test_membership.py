"""Dated membership: from the day somebody joined until the day before it left."""

from datetime import date

import pytest

from rounds.errors import DefinitionError
from rounds.network.members import Member, Membership

LEFT = Member(ods_code="RX1", name="One", kind="acute", region="North", joined=date(2023, 4, 1), left=date(2024, 4, 1))
STAYS = Member(ods_code="RX2", name="Two", kind="acute", region="North", joined=date(2023, 4, 2))
BOTH = Membership(members=(LEFT, STAYS))


@pytest.mark.parametrize(
    ("day", "there"),
    [
        ("2023-03-31", ()),
        ("2023-04-01", (LEFT,)),
        ("2023-04-02", (LEFT, STAYS)),
        ("2024-03-31", (LEFT, STAYS)),
        ("2024-04-01", (STAYS,)),
    ],
)
def test_who_belongs_on_a_day(day: str, there: tuple[Member, ...]) -> None:
    assert BOTH.on(date.fromisoformat(day)) == there


def test_a_membership_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(DefinitionError, match="RX1 is listed twice"):
        Membership(members=(LEFT, LEFT))
    with pytest.raises(DefinitionError, match="must be after joined"):
        Member(ods_code="RX3", name="", kind="", region="", joined=date(2024, 1, 1), left=date(2024, 1, 1))
    with pytest.raises(DefinitionError, match="RX9 is not a member of this network; add it"):
        BOTH.name_of("RX9")
