"""The `rounds` command: its options, its sub-commands and its outermost net."""

import gc
import secrets
import sys
import traceback
from pathlib import Path
from typing import Annotated, Final

import typer

from rounds import __version__
from rounds.cli import (
    adoption,
    analyst,
    audit,
    before_after,
    benefit,
    centre,
    demo,
    evidence,
    impact,
    library,
    observations,
    pipeline,
    places,
    site,
    synthetic,
    value,
)
from rounds.cli.terminal import Terminal
from rounds.errors import ExitCode, RoundsError

_LASTING: Final = 50_000
"""How many objects may be made before those that nobody holds are looked for."""

_PACKAGE = Path(__file__).resolve().parents[1]

app = typer.Typer(
    name="rounds",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Rounds runs learning health networks: count at each site, disclose safely, pool, learn, feed back.",
    epilog="[bold]Start here:[/bold] rounds demo my-network   |   "
    "Exit codes: 0 ok, 1 error, 2 usage, 3 check failed, 4 partial, 5 disclosure refusal, 6 waits for approval",
)
app.add_typer(site.app, name="site")
app.add_typer(centre.app, name="centre")
app.add_typer(audit.app, name="audit")
app.add_typer(value.app, name="value")
app.add_typer(adoption.app, name="adoption")
app.add_typer(pipeline.app, name="pipeline")
app.add_typer(benefit.app, name="benefit")
app.command()(demo.demo)
app.command()(synthetic.synthetic)
app.command()(centre.run)
app.command()(centre.check)
app.command()(centre.status)
app.command()(library.measures)
app.command()(evidence.evidence)
app.command()(analyst.spc)
app.command()(analyst.funnel)
app.command()(analyst.spread)
app.command("map")(places.place_map)
app.command()(places.need)
app.command()(before_after.its)
app.command()(before_after.power)
app.command()(impact.impact)
app.command()(observations.deterioration)
app.command()(observations.arrests)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"rounds {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing on stderr but errors.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
    version: Annotated[  # noqa: ARG001 - Typer calls the callback
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    context.obj = Terminal(quiet=quiet, json=json)


def main() -> None:
    """Run the command line. Every expected failure is one message on stderr and a documented exit code."""
    # What is imported lasts. To look through it for garbage after every 700 objects is a tenth of a short command.
    gc.set_threshold(_LASTING)
    try:
        app()
    except RoundsError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        remedy = "correct its name" if isinstance(error, FileNotFoundError) else "make room or give access"
        _complain(f"{where}{error.strerror or 'the system refused'}; {remedy}, then run it again")
        sys.exit(ExitCode.ERROR)
    except Exception as error:  # noqa: BLE001 - the outermost net: what nobody foresaw must not print a patient's values
        incident = secrets.token_hex(4)
        _complain(
            f"something went wrong that Rounds did not foresee (incident {incident}, {type(error).__name__} in "
            f"{_innermost(error)}). Nothing is half-written: run it again to go on from here. Please report this line."
        )
        sys.exit(ExitCode.ERROR)


def _complain(message: str) -> None:
    sys.stderr.write(f"rounds: {message}\n")


def _innermost(error: Exception) -> str:
    """Return file, line and function, never the values: exception texts of libraries can quote the data."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    if not ours:
        return "no file of Rounds"
    return f"{Path(ours[-1].filename).relative_to(_PACKAGE)}:{ours[-1].lineno} {ours[-1].name}"
