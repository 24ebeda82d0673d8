"""The command that holds an installation against a standard."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of
from rounds.errors import DefinitionError

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.reports.evidence.write import Evidence, Installation

Folder = Annotated[Path, typer.Argument(help="A network's folder, or one site's.")]
To = Annotated[Path | None, typer.Option("--to", help="Where to write it; `evidence` in the folder if left out.")]


def evidence(context: typer.Context, folder: Folder, to: To = None, today: Today = None) -> None:
    """Write the SATRE self-assessment of this installation: proofs, generated evidence, and templates for the rest.

    [bold]Examples[/bold]

    rounds evidence my-network

    rounds evidence sites/hospital-01 --to for-the-assessor
    """
    from rounds.network.assurance import By, Level, Met
    from rounds.reports.evidence.write import write_evidence
    from rounds.storage.atomic import write_folder
    from rounds.storage.evidence_files import read_assurance

    assurance = read_assurance()
    installation = _installation(folder, day_of(today))
    target = to if to is not None else folder / "evidence"
    if target.exists() and not (target / "satre.json").exists():
        raise DefinitionError(f"{target}: something else lies there; give another folder with --to")

    def fill(into: Path) -> None:
        write_evidence(into, assurance=assurance, installation=installation)

    write_folder(target, fill)
    alone = [one for one in assurance.of(By.SOFTWARE) if one.level is Level.MANDATORY]
    met = sum(one.state is Met.MET for one in alone)
    helped = len([one for one in assurance.of(By.HELPED) if one.level is Level.MANDATORY])
    fields = {"page": target / "index.html", "met": met, "of": len(alone), "missing": installation.missing(assurance)}
    text = (
        f"{assurance.title}: {met} of {len(alone)} mandatory statements that software can satisfy alone are met, each "
        f"with its tests; evidence for {helped} more was written. The page is {target / 'index.html'}."
    )
    terminal_of(context).result(fields, text=text)


def _installation(folder: Path, today: date) -> "Installation":
    from rounds import __version__
    from rounds.reports.evidence.write import Installation
    from rounds.site.evidence import site_evidence
    from rounds.site.folder import read_site

    found: list[Evidence] = []
    if (folder / "network.yaml").exists():
        from rounds.centre.evidence import centre_evidence
        from rounds.storage.workspace import read_workspace

        workspace = read_workspace(folder)
        name = workspace.name
        found += centre_evidence(workspace)
        sites = [workspace.site_folder(site) for site in workspace.sites]
        for site in sites:
            if (site / "site.yaml").exists():
                found += site_evidence(read_site(site))
    elif (folder / "site.yaml").exists():
        site_found = read_site(folder)
        name = site_found.id
        found += site_evidence(site_found)
    else:
        raise DefinitionError(
            f"{folder}: neither network.yaml nor site.yaml is there; name a network's or a site's folder"
        )
    return Installation(name=name, made_on=today, version=__version__, evidence=tuple(found))
