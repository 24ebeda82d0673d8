"""What a site's folder shows of how it is governed, for an assessor: no number about patients is in it."""

from rounds import __version__
from rounds.audit.chain import Action
from rounds.exchange.signing import known_keys
from rounds.reports.evidence.write import Evidence
from rounds.site.folder import RecordsBlock, Site
from rounds.site.policies import look_at_policy
from rounds.storage.audit_log import read_log
from rounds.storage.release_store import RELEASE_SCHEMA, ledger_figures
from rounds.storage.sqlite_file import reading


def site_evidence(site: Site) -> tuple[Evidence, ...]:
    """Return the evidence that a site's folder holds. Writes nothing.

    Raises:
        RoundsError: if a log or ledger is damaged, which an assessment must not pass over.
    """
    return (_policy(site), _ledger(site), _audit(site), _records(site), _quality(site), _keys(site), _network(site))


def _policy(site: Site) -> Evidence:
    policy = site.policy
    review = f"written by {policy.author}, reviewed by {policy.reviewer}, next review {policy.next_review}"
    return _evidence("policy", site, "what may leave", (*look_at_policy(site).lines, review, f"digest {policy.digest}"))


def _ledger(site: Site) -> Evidence:
    with reading(site.ledger_path, schema=RELEASE_SCHEMA) as connection:
        figures = ledger_figures(connection)
    return _evidence("ledger", site, "what left", figures)


def _audit(site: Site) -> Evidence:
    entries = read_log(site.ledger_path)
    tally = [f"{sum(one.event.action is action for one in entries):,} times {action}" for action in Action]
    return _evidence("audit", site, "what is logged", (f"{len(entries):,} entries, chain unbroken", *tally))


def _records(site: Site) -> Evidence:
    if not isinstance(site.source, RecordsBlock):
        return _evidence("records", site, "what is held", ("published aggregates; no records",))
    where = "in a database" if site.source.database else "in the site's own folder, opened read-only"
    encrypted = "whether the disk below is encrypted is for whoever runs the machine to say"
    return _evidence("records", site, "what is held", (f"OMOP CDM records of {site.source.member}, {where}", encrypted))


def _quality(site: Site) -> Evidence:
    page = site.folder / "quality" / "index.html"
    said = "a quality page was made" if page.exists() else "no quality page yet: rounds site quality FOLDER makes one"
    return _evidence("quality", site, "quality of the records", (said,))


def _keys(site: Site) -> Evidence:
    known = known_keys(site.folder)
    lines = tuple(f"{party}: {key.fingerprint}" for party, key in known.items()) or ("no keys yet",)
    return _evidence("keys", site, "keys", (*lines, "the private key has mode 0600 and never leaves the folder"))


def _network(site: Site) -> Evidence:
    lines = (
        "the site listens on no port and opens no connection; messages lie in a folder that the site reads and writes",
        f"Rounds {__version__} fetches nothing from anywhere",
    )
    return _evidence("network", site, "connections", lines)


def _evidence(name: str, site: Site, title: str, lines: tuple[str, ...]) -> Evidence:
    return Evidence(name=name, title=f"{site.id}: {title}", lines=lines)
