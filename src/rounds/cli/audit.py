"""The audit logs on the command line: check them, hand them over, prove one entry of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from rounds.cli.terminal import terminal_of
from rounds.errors import DefinitionError

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.audit.heads import SignedHead
    from rounds.exchange.log_check import CheckedLog
    from rounds.exchange.signing import PublicKey


class _VerifyByDefault(TyperGroup):
    """`rounds audit my-network` is `rounds audit verify my-network`."""

    def parse_args(self, context: Any, args: list[str]) -> list[str]:  # Typer does not export the type
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["verify", *args]
        return super().parse_args(context, args)


app = typer.Typer(
    cls=_VerifyByDefault,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Check the audit logs, hand them over, prove an entry. `rounds audit FOLDER` is `rounds audit verify FOLDER`.",
)

Place = Annotated[
    Path, typer.Argument(help="A network's folder, a centre's, one site's, or a log that was exported to a file.")
]
Party = Annotated[Path, typer.Argument(help="A centre's folder or one site's.")]
To = Annotated[Path | None, typer.Option("--to", help="A file to write to; standard output if left out.")]


@app.command()
def verify(
    context: typer.Context,
    place: Place,
    exchange: Annotated[
        Path | None, typer.Option("--exchange", help="The folder in which messages lie, beside a site's or a centre's.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="Whose signature an exported log must bear: a file such as site-1.pub.")
    ] = None,
) -> None:
    """Check that no entry of an audit log was changed, moved, cut off, put in or left out.

    Looks at the chain and the tree of each log, at every signed head of it that lies in the folder, also with others,
    and at whether it tells all that happened. Ends with 3 if not, and names the entry.

    [bold]Examples[/bold]

    rounds audit my-network

    rounds audit verify my-network/sites/hospital-01 --exchange my-network/exchange

    rounds audit verify log.jsonl --key my-network/exchange/keys/hospital-01.pub
    """
    logs = {} if place.is_file() else _logs(place, exchange)
    lines = [
        f"{party}: {len(log.entries)} entries, chain and tree unbroken, nothing missing; {log.heads} signed heads fit"
        for party, log in logs.items()
    ]
    sizes = {party: len(log.entries) for party, log in logs.items()}
    if place.is_file():
        from rounds.exchange.log_files import decode_export

        export = decode_export(place.read_bytes(), source=str(place), key=_key(key))
        party = export.signed.head.log
        signature = "its head is signed" if key else "the signature was not checked, give --key for that"
        sizes = {party: len(export.entries)}
        lines = [f"{party}: {len(export.entries)} entries, chain and tree unbroken; {signature}"]
    terminal_of(context).result({"entries": sizes, "ok": True}, text="\n".join(lines))


@app.command()
def export(context: typer.Context, folder: Party, to: To = None) -> None:
    """Write a log as lines of JSON that anybody can read, with its signed head on the last line.

    [bold]Example[/bold]

    rounds audit export my-network/sites/hospital-01 --to log.jsonl
    """
    from rounds.exchange.log_files import encode_export
    from rounds.exchange.signing import own_key
    from rounds.storage.audit_log import LEDGER, read_log

    party = _party(folder)
    _write(context, to, encode_export(read_log(folder / LEDGER), log=party, key=own_key(folder)))


@app.command()
def prove(
    context: typer.Context,
    folder: Party,
    entry: Annotated[int, typer.Option("--entry", help="The number of the entry.")],
    size: Annotated[
        int | None, typer.Option("--size", help="Prove it for the log as it stood with this many entries.")
    ] = None,
    to: To = None,
) -> None:
    """Write a small proof that one entry is in a log; it shows no other entry.

    [bold]Example[/bold]

    rounds audit prove my-network/sites/hospital-01 --entry 2 --to proof.json
    """
    from rounds.exchange.log_files import encode_proof
    from rounds.exchange.signing import own_key
    from rounds.storage.audit_log import LEDGER, read_log

    party, entries = _party(folder), read_log(folder / LEDGER)
    _write(context, to, encode_proof(entries, entry, size=size, log=party, key=own_key(folder)))


@app.command("check-proof")
def check_proof(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The proof.")],
    key: Annotated[Path, typer.Option("--key", help="The public key of the party whose log it is.")],
) -> None:
    """Check a proof that `rounds audit prove` has written, and say what it proves.

    [bold]Example[/bold]

    rounds audit check-proof proof.json --key my-network/exchange/keys/hospital-01.pub
    """
    from rounds.exchange.log_files import decode_proof
    from rounds.exchange.signing import read_public_key

    proof = decode_proof(file.read_bytes(), source=str(file), key=read_public_key(key))
    head = proof.signed.head
    fields = {"log": head.log, "entry": str(proof.entry), "size": head.size, "root": head.root.hex(), "ok": True}
    text = f"In the log of {head.log}, of {head.size} entries with root {head.root.hex()}, stands:\n  {proof.entry}"
    terminal_of(context).result(fields, text=text)


def _logs(place: Path, exchange: Path | None) -> "dict[str, CheckedLog]":
    from rounds.centre.audit_check import check_centre, kept_heads
    from rounds.exchange.envelope import CENTRE
    from rounds.exchange.log_check import check_both_sides, heads_held
    from rounds.site.audit_check import check_site
    from rounds.storage.workspace import read_workspace

    if not (place / "network.yaml").exists():
        party = _party(place)
        abroad = _messages(exchange)
        if party == CENTRE:
            return {party: check_centre(place, outputs=None, abroad=abroad)}
        return {party: check_site(place, site=party, abroad=abroad)}
    workspace = read_workspace(place)
    folders = {site.id: workspace.site_folder(site) for site in workspace.sites}
    there = {site: folder for site, folder in folders.items() if folder.is_dir()}
    abroad = [*_messages(exchange or workspace.exchange)]
    for folder in (workspace.centre, *there.values()):
        abroad += heads_held(folder)
    logs: dict[str, CheckedLog] = {}
    if workspace.centre.is_dir():
        logs[CENTRE] = check_centre(workspace.centre, outputs=workspace.folder / "outputs", abroad=abroad)
        abroad += kept_heads(workspace.centre)
    for site, folder in there.items():
        logs[site] = check_site(folder, site=site, abroad=abroad)
        if CENTRE in logs:
            check_both_sides(logs[CENTRE], logs[site], site_id=site)
    return logs


def _messages(exchange: Path | None) -> "Iterable[tuple[str, SignedHead]]":
    from rounds.exchange.folder import ExchangeFolder
    from rounds.exchange.log_check import heads_in_messages

    return () if exchange is None else heads_in_messages(ExchangeFolder(path=exchange).messages())


def _party(folder: Path) -> str:
    """Return whose folder it is."""
    from rounds.exchange.envelope import CENTRE
    from rounds.site.folder import read_site
    from rounds.storage.audit_log import LEDGER

    if (folder / "site.yaml").exists():
        return read_site(folder).id
    if (folder / LEDGER).exists() or (folder / "rounds").is_dir():
        return CENTRE
    raise DefinitionError(f"{folder}: neither a network's folder, nor a centre's, nor a site's; correct its name")


def _key(path: Path | None) -> "PublicKey | None":
    from rounds.exchange.signing import read_public_key

    return read_public_key(path) if path else None


def _write(context: typer.Context, to: Path | None, content: str) -> None:
    from rounds.storage.atomic import write_file

    if to is None:
        typer.echo(content, nl=False)
        return
    write_file(to, content.encode())
    terminal_of(context).say(f"Written to {to}.")
