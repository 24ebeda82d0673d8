"""How far a request has come, and what to type next: plain words for people at a site."""

import shlex
from pathlib import Path

from rounds.network.roles import Approval, RequestState
from rounds.storage.approval_store import QueuedRequest

_OPEN = (RequestState.WAITING, RequestState.ONCE, RequestState.TWICE)


def how_far(item: QueuedRequest, under: Approval) -> str:
    """Return how far a request has come, as the end of a sentence about it."""
    said = f"{' and '.join(item.approved_by)} said yes" if item.approved_by else "nobody has said yes yet"
    if item.state is RequestState.WITHDRAWN:
        return "was withdrawn from the queue here; somebody must put it back, by looking at a new preview"
    if item.state in _OPEN and len(item.approved_by) >= under.people:
        return f"is approved: {said}; it leaves when the site answers"
    if item.state in _OPEN:
        whom = "one person" if under is Approval.ONE else "two different people"
        return f"waits for approval by {whom}: {said}"
    return f"is {item.state}"


def what_to_type(folder: Path, exchange: Path | None, item: QueuedRequest, under: Approval) -> tuple[str, ...]:
    """Return the commands that lead on; none where there is nothing left to do."""
    where, through = shlex.quote(str(folder)), shlex.quote(str(exchange)) if exchange else "EXCHANGE"
    preview = f"Look at it:  rounds site preview {where} --exchange {through} --round {item.round_id} --as NAME"
    yes = f"Say yes:     rounds site approve {where} --round {item.round_id} --as NAME --digest {item.digest[:16]}"
    if item.state is RequestState.WITHDRAWN:
        return (preview.replace("Look at it: ", "Put it back:"),)
    if item.state not in _OPEN:
        return ()
    if len(item.approved_by) >= under.people:
        return (f"Let it leave: rounds site answer {where} --exchange {through} --round {item.round_id}",)
    return (preview, yes)
