"""With or without opt-outs: a site counts one way. The same days never leave both ways, whatever is asked of them.

Who knows both counts of anything sees how many of it have opted out, and of few people who. Two questions need not be
the same for that: it is enough that one can be worked out from the other. So what decides is the days alone.
"""

import hashlib
from collections.abc import Iterable
from datetime import date
from sqlite3 import Connection
from typing import Final

from rounds.audit.chain import Action, Event
from rounds.errors import DisclosureRefusal
from rounds.measures.definitions import MeasureRef
from rounds.measures.periods import Period
from rounds.network.people import same_person
from rounds.site.folder import Site
from rounds.storage.facts import logged_transaction
from rounds.storage.lock import only_one
from rounds.storage.opt_out_ways import adopt_way, last_day_counted, way_in_force
from rounds.storage.release_store import RELEASE_SCHEMA

_WORDS: Final = {True: "with", False: "without"}


def refuse_other_way(
    connection: Connection, fresh: Iterable[tuple[MeasureRef, Iterable[Period]]], *, opt_outs: bool
) -> None:
    """Raise if days would leave one way about opt-outs that have left, or may have, the other way.

    Args:
        connection: the site's ledger.
        fresh: measures with those of their periods that have not left yet.
        opt_outs: whether people who have opted out are left out now.

    Raises:
        DisclosureRefusal: if numbers have left the other way and no two people have decided since to count this way,
            or a period begins before the end of all that has left the other way.
    """
    now, other = _WORDS[opt_outs], _WORDS[not opt_outs]
    if way_in_force(connection) is (not opt_outs):
        raise DisclosureRefusal(
            f"what has left this site was counted {other} opt-outs, and would be counted {now} them now: the "
            "difference tells of those who have opted out; never release both. Put `opt_outs` in site.yaml back as it "
            "was, or let two people decide: rounds site opt-outs adopt FOLDER --as NAME --and NAME"
        )
    until = last_day_counted(connection, opt_outs=not opt_outs)
    if until is None:
        return
    for measure, periods in fresh:
        for period in periods:
            if period.start <= until:
                raise DisclosureRefusal(
                    f"{measure}: {period.start} to {period.end} would be counted {now} opt-outs, and days up to "
                    f"{until} have left {other} them: the difference tells of those who have opted out; the centre "
                    f"must ask for periods that begin after {until}, or leave this site out of the measure"
                )


def adopt_opt_outs(site: Site, *, people: tuple[str, str], today: date) -> date | None:
    """Count from now on as site.yaml says about opt-outs, on the word of two people.

    What has left stays as it is, and no new number about its days leaves.

    Returns:
        The day after which periods must begin that leave from now on; None if any may.

    Raises:
        DisclosureRefusal: if they are one, or nothing was released the other way.
    """
    opt_outs = site.opt_outs is not None
    if same_person(*people) or not all(name.strip() for name in people):
        raise DisclosureRefusal("another way to count takes two different people; give --as and --and")
    with (
        only_one(site.folder, doing="deciding about opt-outs"),
        logged_transaction(site.ledger_path, schema=RELEASE_SCHEMA) as facts,
    ):
        if way_in_force(facts.connection) is not (not opt_outs):
            raise DisclosureRefusal(
                f"site {site.id} counts {_WORDS[opt_outs]} opt-outs as site.yaml says, and nothing has left "
                "the other way since; there is nothing to decide"
            )
        until = last_day_counted(facts.connection, opt_outs=not opt_outs)
        number = adopt_way(facts.connection, opt_outs=opt_outs, day=today, adopted_by=people)
        digest = hashlib.sha256(f"{_WORDS[opt_outs]} opt-outs after {until}".encode()).hexdigest()
        name, party = f"opt-outs-{number}", " and ".join(people)
        facts.tell(Event(action=Action.ADOPTED, round_id=name, party=party, digest=digest, day=today))
    return until
