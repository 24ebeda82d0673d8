"""What a network's folder shows of how it is governed, for an assessor."""

from importlib.metadata import version

from rounds import __version__
from rounds.exchange.signing import known_keys
from rounds.reports.evidence.write import Evidence
from rounds.storage.workspace import Workspace

_LOCKED = ("cryptography", "duckdb", "numpy", "polars", "pydantic")


def centre_evidence(workspace: Workspace) -> tuple[Evidence, ...]:
    """Return the evidence that a network's folder holds. Writes nothing."""
    members = [
        f"{one.name} ({one.ods_code}), since {one.joined}{f', until {one.left}' if one.left else ''}"
        for one in workspace.membership.members
    ]
    rounds = [
        f"{one.id}: {one.title}, {one.first} to {one.last}, {len(one.measures)} measures" for one in workspace.rounds
    ]
    software = [f"Rounds {__version__}", *(f"{name} {version(name)}" for name in _LOCKED)]
    software.append("dependencies are locked with hashes; no telemetry; set up and tested by one command each")
    keys = [f"{party}: {key.fingerprint}" for party, key in known_keys(workspace.centre).items()]
    commands = ["every command has --help with examples; docs/commands.md and docs/glossary.md ship with the software"]
    titles = {
        "members": ("members", members),
        "rounds": ("rounds declared", rounds),
        "software": ("software", software),
        "keys": ("keys of the centre", keys or ["no keys yet"]),
        "commands": ("guidance", commands),
    }
    return tuple(
        Evidence(name=name, title=f"{workspace.name}: {title}", lines=tuple(lines))
        for name, (title, lines) in titles.items()
    )
