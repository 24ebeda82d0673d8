"""How far a round has come."""

from dataclasses import dataclass

from rounds.centre.plan import make_plan
from rounds.centre.post import Desk, refusals
from rounds.exchange.folder import ExchangeFolder
from rounds.storage.workspace import RoundDeclaration, Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundStatus:
    """Where every site of a round is."""

    round_id: str
    published: bool
    sites: tuple[tuple[str, str], ...]
    """(site id, "not asked" | "asked" | "answered" | "received" | "refused: " with the reason)"""

    @property
    def summary(self) -> str:
        received = sum(where == "received" for _, where in self.sites)
        return f"{received} of {len(self.sites)} sites received, {'published' if self.published else 'not published'}"


def round_status(workspace: Workspace, declaration: RoundDeclaration) -> RoundStatus:
    """Return where a round stands, from what lies in the folders. Writes nothing."""
    plan = make_plan(workspace, declaration)
    desk = Desk(folder=workspace.centre, exchange=ExchangeFolder(path=workspace.exchange))

    refused = refusals(desk, plan)

    def where(site: str) -> str:
        if desk.received_path(plan.round_id, site).exists():
            return "received"
        if site in refused:
            return f"refused: {refused[site]}"
        if desk.exchange.reply_path(plan.round_id, site).exists():
            return "answered"
        return "asked" if desk.asked_path(plan.round_id, site).exists() else "not asked"

    return RoundStatus(
        round_id=plan.round_id,
        published=workspace.outputs(plan.round_id).is_dir(),
        sites=tuple((site.site, where(site.site)) for site in plan.sites),
    )
