"""What waits at a site, and what would leave, in plain words: read from the very bytes that would leave."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from rounds.disclosure.bounded import QUANTITIES, State
from rounds.exchange.folder import ExchangeFolder
from rounds.exchange.messages import read_draft
from rounds.exchange.tables import ReceivedTable
from rounds.network.roles import Act, RequestState, Role
from rounds.site.acts import approval_of
from rounds.site.folder import Site
from rounds.site.ledger import has_answered
from rounds.site.next_steps import how_far, what_to_type
from rounds.storage.approval_store import QueuedRequest, SignedAct, read_acts, read_requests
from rounds.storage.governance_files import read_agreements

_OPEN = (RequestState.WAITING, RequestState.ONCE, RequestState.TWICE, RequestState.WITHDRAWN)
_DONE = {
    Act.PREPARE: "prepared",
    Act.APPROVE: "approved",
    Act.REFUSE: "refused",
    Act.WITHDRAW: "withdrawn",
    Act.PUT_BACK: "put back",
    Act.CHANGE: "found changed",
    Act.RELEASE: "released",
    Act.EXPIRE: "found to be over",
}
_WHAT_HAPPENED = {
    RequestState.RELEASED: "was released",
    RequestState.REFUSED: "was refused",
    RequestState.EXPIRED: "was found to be over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request as it is listed: no numbers."""

    round_id: str
    state: str
    waits: bool
    """whether a person must do something"""
    says: tuple[str, ...]


def list_requests(site: Site, exchange: ExchangeFolder | None, *, today: date) -> tuple[Waiting, ...]:
    """Return every request the site knows of, those that wait first. Writes nothing.

    Args:
        site: where they are.
        exchange: to name requests too that have come and that nobody has looked at; None: only those in the queue.
        today: to tell an expired request.
    """
    items = read_requests(site.ledger_path)
    listed = [_listed(site, item, exchange, today=today) for item in items]
    known = {item.round_id for item in items}
    for path in sorted(exchange.path.glob(f"*/requests/{site.id}.json")) if exchange else ():
        round_id = path.parent.parent.name
        if round_id not in known and not has_answered(site, round_id):
            says = ("has come, and nothing has been counted yet; `rounds site answer` does that",)
            listed.append(Waiting(round_id=round_id, state=RequestState.RECEIVED, waits=True, says=says))
    return tuple(sorted(listed, key=lambda one: (not one.waits, one.round_id)))


def _listed(site: Site, item: QueuedRequest, exchange: ExchangeFolder | None, *, today: date) -> Waiting:
    under = approval_of(site, item)
    last = read_acts(site.ledger_path, round_id=item.round_id)[-1]
    if item.state in _OPEN and today > item.expires:
        over = f"is over: the last day to answer was {item.expires}; the centre must issue it again"
        return Waiting(round_id=item.round_id, state=RequestState.EXPIRED, waits=False, says=(over,))
    if item.state not in _OPEN:
        says: tuple[str, ...] = (f"{_WHAT_HAPPENED[item.state]} on {last.day}, by {_who(last)}",)
        says += (f"Because: {last.because}",) if last.because else ()
        return Waiting(round_id=item.round_id, state=item.state, waits=False, says=says)
    asked = f"{_number(len(item.asked.measures), 'measure')}, counted from {item.asked.first} to {item.asked.last}"
    says = (
        how_far(item, under),
        f"It asks for {asked}; answer by {item.expires}.",
        *what_to_type(site.folder, exchange.path if exchange else None, item, under),
    )
    return Waiting(round_id=item.round_id, state=item.state, waits=True, says=says)


def show_reply(site: Site, item: QueuedRequest, exchange: ExchangeFolder, *, today: date) -> tuple[str, ...]:
    """Return in plain words all that is in a reply that waits: nothing would leave that is not shown.

    Raises:
        RoundsError: if the bytes are no reply of this site; then nothing is shown.
    """
    tables = read_draft(item.reply, source=f"{site.ledger_path}, round {item.round_id}")
    under = approval_of(site, item)
    done = read_acts(site.ledger_path, round_id=item.round_id)
    lines = [
        f"Round {item.round_id}: what would leave {site.id}, number by number.",
        "",
        f"  asked by   {item.asked.asked_by or 'the centre, which names nobody'}",
        f"  asked for  {_number(len(item.asked.measures), 'measure')}, counted from {item.asked.first} to "
        f"{item.asked.last}",
        f"  policy     {', '.join(sorted({str(table.policy) for table in tables})) or site.policy.name}",
        *(f"  agreement  {line}" for line in _covering(site, item, today)),
        f"  prepared   by {item.prepared_by or 'the program'} on {item.prepared_on}; answer by {item.expires}",
        f"  state      {how_far(item, under)}",
        *(f"  {'history' if not number else '':<10} {_did(one)}" for number, one in enumerate(done)),
        f"  bytes      {len(item.reply):,}, of SHA-256",
        f"             {item.digest}",
        "",
    ]
    for table in tables:
        lines += [*_table(table), ""]
    typed = what_to_type(site.folder, exchange.path, item, under)
    return (*lines, *(line for line in typed if not line.startswith("Look at it")))


def _did(act: SignedAct) -> str:
    because = f", because: {act.because}" if act.because else ""
    return f"{act.day}  {_DONE[act.act]} by {_who(act)}{because}"


def _who(act: SignedAct) -> str:
    return "the program" if act.role == Role.PROGRAM else f"{act.who}, {act.role}"


def _covering(site: Site, item: QueuedRequest, today: date) -> list[str]:
    if not site.agreements_path.exists():
        return ["none is needed here: the site has no agreements.yaml"]
    covering = [
        one
        for one in read_agreements(site.agreements_path)
        if one.in_force(today) and any(one.covers(*measure) for measure in item.asked.measures)
    ]
    return [f"{one.id} until {one.last}: {one.purpose}" for one in covering] or ["none in force covers it today"]


def _table(table: ReceivedTable) -> list[str]:
    """Return a table as text. A withheld number is shown with the bounds that travel in its place."""
    cells = table.cells
    counted = {name: cells.filter(pl.col(f"{name}_state") == State.WITHHELD).height for name in QUANTITIES}
    withheld = [_number(count, name) for name, count in counted.items() if count]
    keys = ["member", "period", *map(str, table.strata)]
    shown = cells.select(*keys, *(_shown(name) for name in QUANTITIES))
    rows = [[*keys, *QUANTITIES], *([str(value) for value in row] for row in shown.rows())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    right = len(keys)
    lines = [
        "  "
        + "  ".join(
            value.rjust(width) if column >= right else value.ljust(width)
            for column, (value, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    shares = [f"  {share.name}: {share.lower} to {share.upper} % is there" for share in table.completeness]
    return [
        f"{table.measure}: {_number(cells.height, 'row')}; {' and '.join(withheld) or 'nothing'} withheld.",
        *lines,
        *shares,
    ]


def _shown(name: str) -> pl.Expr:
    value, lower, upper = (pl.col(f"{name}_{part}") for part in ("value", "lower", "upper"))
    bounds = pl.format("withheld, {} to {}", lower, upper)
    return pl.when(value.is_null()).then(bounds).otherwise(value.cast(pl.String)).alias(name)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
