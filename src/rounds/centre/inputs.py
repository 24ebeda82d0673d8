"""All that decides what is published of a round, as one digest, and whether a folder was made from just that."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from rounds import __version__
from rounds.centre.audit_check import STAMP
from rounds.centre.benefits import known_before
from rounds.centre.earlier_definitions import earlier_definition
from rounds.centre.pipeline import recorded_digest
from rounds.centre.plan import Plan
from rounds.exchange.messages import Reply
from rounds.storage.workspace import Workspace


def inputs_digest(workspace: Workspace, plan: Plan, replies: Sequence[Reply], *, pooled: Sequence[Reply] = ()) -> str:
    """Return the SHA-256 of everything that decides what is published."""
    known = plan.declaration.as_of
    inputs: dict[str, object] = {
        "plan": plan.digest,
        "replies": {reply.site: reply.digest for reply in replies},
        "title": plan.declaration.title,
        "asked_by": plan.declaration.asked_by,
        "network": workspace.name,
        "programmes": [repr(programme) for programme in plan.declaration.programmes],
        "members": [repr(member) for member in workspace.membership.members],
        "adoptions": [repr(event) for event in workspace.known_adoptions(known)],
        "measures": [repr(measure) for measure in plan.measures],
        "innovations": [repr(innovation) for innovation in workspace.library.innovations],
        "code": __version__,
    }
    if rebases := [repr(rebase) for rebase in workspace.rebases if rebase.since <= known]:
        inputs["rebases"] = rebases
    outcomes = {programme.outcome for programme in plan.declaration.programmes}
    if changes := [repr(one) for outcome in sorted(outcomes) for one in workspace.changes_of(outcome, known)]:
        inputs["definition changes"] = changes
    of_outcomes = [earlier_definition(workspace, plan.declaration, one) for one in plan.measures if one.id in outcomes]
    if earlier := [repr(one) for one in of_outcomes if one is not None]:
        inputs["earlier definitions"] = earlier
    if successions := workspace.successions.known_by(known).all:
        inputs["successions"] = [repr(one) for one in successions]
    if pipeline := recorded_digest(workspace, as_of=known):
        inputs["pipeline"] = pipeline
    if known_of_benefit := known_before(workspace, plan.declaration):
        inputs["benefit"] = known_of_benefit
    if plan.declaration.score_tables:
        inputs["score tables"] = [repr(measure) for measure in plan.declaration.score_tables]
    if plan.declaration.needs:
        inputs["needs"] = [repr(one) for one in plan.declaration.needs]
    if plan.pooled:
        inputs["pooled"] = {reply.site: reply.digest for reply in pooled}
        inputs["pooled measures"] = [repr(measure) for measure in plan.pooled_measures]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def is_published(outputs: Path, inputs: str) -> bool:
    """Return whether a folder of outputs was made from just these inputs."""
    stamp = outputs / STAMP
    return stamp.exists() and json.loads(stamp.read_bytes())["inputs"] == inputs
