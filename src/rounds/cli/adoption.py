"""`rounds adoption`: programme trackers in and out, and coverage of the membership."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import Terminal, terminal_of
from rounds.errors import DefinitionError, ExitCode

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.centre.adoptions import FidelityRead, TrackerReading
    from rounds.learning.spread.adoption import Coverage, Stage
    from rounds.learning.spread.coverage import Stopped
    from rounds.learning.spread.tracker.columns import Meaning
    from rounds.storage.workspace import Workspace

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Who uses an innovation since when: import a programme's tracker, show coverage of the membership.",
)

Network = Annotated[Path, typer.Option("--network", help="The network's folder, the one that holds network.yaml.")]
Innovation = Annotated[str, typer.Option("--innovation", help="The innovation's id, as in the library.")]
_SHOWN = 12


@app.command("import")
def import_(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    tracker: Annotated[Path, typer.Argument(help="The tracker: an Excel workbook (.xlsx, .xls, .ods) or a CSV.")],
    network: Network,
    innovation: Innovation,
    register: Annotated[
        Path | None,
        typer.Option("--register", help="A list of organisations to match names to, such as ODS's etr.csv."),
    ] = None,
    sheet: Annotated[str | None, typer.Option("--sheet", help="The sheet that is meant; guessed if left out.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="HEADING=MEANING", help="What a column holds, where the guess is wrong."),
    ] = None,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", metavar="WORDS=STAGE", help="What a status means; `none` for no stage."),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The day of the tracker; today if left out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Record what is new; without it nothing is recorded.")] = False,
    today: Today = None,
) -> None:
    """Read a programme's tracker, match its names to ODS codes and record who adopted when.

    Without --yes it is a dry run: it says what it would record, and writes the match file (adoption-matches.csv) for
    people to look through. A name is used only if it can mean one organisation alone, or once somebody has written yes
    beside it. Everything that was guessed or left out is said.

    [bold]Examples[/bold]

    rounds adoption import tracker.xlsx --network my-network --innovation freed

    rounds adoption import tracker.xlsx --network my-network --innovation freed --register etr.csv --yes

    rounds adoption import tracker.csv --network my-network --innovation freed --status "on hold=none"
    """
    from rounds.centre.adoptions import AskedTracker, read_tracker, record_adoptions, write_matches
    from rounds.storage.held import held_workspace

    now = day_of(today)
    asked = AskedTracker(
        path=tracker,
        innovation=innovation,
        as_of=now if as_of is None else day_of(as_of),
        sheet=sheet,
        register=register,
        columns=_meanings(column or []),
        statuses=_statuses(status or []),
    )
    if asked.as_of > now:
        raise typer.BadParameter(f"--as-of {asked.as_of} lies in the future; a tracker can only tell of what has been")
    with held_workspace(network) as workspace:
        reading = read_tracker(workspace, asked)
        matches = write_matches(workspace, reading, today=now)
        recorded = record_adoptions(workspace, reading, today=now) if yes else None
    _tell(terminal_of(context), reading, matches, recorded)
    if yes and (reading.waiting or reading.left_out):
        raise typer.Exit(ExitCode.PARTIAL)


@app.command()
def coverage(
    context: typer.Context,
    network: Annotated[Path, typer.Argument(help="The network's folder, the one that holds network.yaml.")],
    innovation: Innovation,
    stage: Annotated[str, typer.Option("--stage", help="Count those at this stage or beyond.")] = "live",
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="The day asked about; today if left out.")
    ] = None,
) -> None:
    """Say how many members use an innovation, out of the members as they were on the day.

    What an organisation took over from one that it succeeded counts from that day (successions.csv).

    [bold]Examples[/bold]

    rounds adoption coverage my-network --innovation deterioration-programme

    rounds adoption coverage my-network --innovation deterioration-programme --stage embedded --on 2024-03-31
    """
    from rounds.centre.adoptions import coverage_on, fidelity_read, stopped_on_day
    from rounds.storage.workspace import read_workspace

    workspace = read_workspace(network)
    wanted = _stage(stage)
    found = coverage_on(workspace, innovation=innovation, stage=wanted, day=day_of(on))
    stopped = stopped_on_day(workspace, innovation=innovation, stage=wanted, day=found.day)
    read = fidelity_read(workspace, innovation=innovation, coverage=found)
    fields = {
        "day": found.day,
        "innovation": innovation,
        "stage": wanted.value,
        "adopted": found.adopted,
        "members": found.members,
        "maybe": list(found.maybe),
        "not_yet": list(found.not_yet),
        "stopped": [
            {"ods_code": one.member, "on": one.day, "had": one.had, "reason": one.reason or None} for one in stopped
        ],
        "fidelity": {code: str(fidelity) for code, fidelity in read.latest.items()},
        "fidelity_fallen": [
            {"ods_code": one.member, "from": str(one.before.fidelity), "to": str(one.now.fidelity), "on": one.now.day}
            for one in read.watch.fallen
        ],
        "fidelity_low": list(read.watch.low),
        "fidelity_unknown": [*read.watch.unknown, *read.watch.out_of_date],
    }
    terminal_of(context).result(
        fields, text="\n".join(_coverage_lines(found, innovation, wanted, workspace, stopped, read))
    )


@app.command()
def export(
    context: typer.Context,
    network: Annotated[Path, typer.Argument(help="The network's folder, the one that holds network.yaml.")],
    to: Annotated[Path, typer.Argument(help="The workbook to write; it must not be there yet.")],
    innovation: Innovation,
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="As known on this day; else today.")] = None,
) -> None:
    """Write a tracker as a workbook: a row a member, a column a stage, for the programme to keep and hand back.

    [bold]Example[/bold]

    rounds adoption export my-network tracker.xlsx --innovation deterioration-programme
    """
    from rounds.centre.adoptions import export_tracker
    from rounds.storage.facts import NoEvent, write_unlogged
    from rounds.storage.workspace import read_workspace

    refuse_to_overwrite(to)
    made = export_tracker(read_workspace(network), innovation=innovation, day=day_of(on))
    write_unlogged(to, made, because=NoEvent.OWN_REPORT)
    terminal_of(context).result({"written": to}, text=f"Written: {to}.")


def refuse_to_overwrite(to: Path) -> None:
    """Raise unless a workbook can be written where there is none."""
    if to.exists():
        raise DefinitionError(f"{to} is there already, and nothing is overwritten; name another file")
    if to.suffix.lower() != ".xlsx":
        raise DefinitionError(f"{to}: a workbook's name ends in .xlsx; name it so")


def _coverage_lines(
    found: "Coverage",
    innovation: str,
    stage: "Stage",
    workspace: "Workspace",
    stopped: "tuple[Stopped, ...]",
    read: "FidelityRead",
) -> list[str]:
    from rounds.reports.content.fidelity import fidelity_words
    from rounds.reports.content.stopped import stopped_words

    names = {member.ods_code: member.name for member in workspace.membership.members}
    word = stage.replace("_", " ")
    lines = [f"{found.adopted} of {found.members} members at {word} or beyond of {innovation} on {found.day}."]
    if found.maybe:
        listed = ", ".join(f"{code} {names[code]}" for code in found.maybe)
        lines.append(f"{len(found.maybe)} more may be, by when it is said to have been: {listed}.")
    if read.latest:
        told = ", ".join(f"{code} {fidelity}" for code, fidelity in read.latest.items())
        lines.append(f"How fully it is used, of {len(read.latest)} of those {found.adopted}: {told}.")
    lines += fidelity_words(read.watch, workspace.membership)
    apart = {*found.maybe, *(one.member for one in stopped)}
    rest = [code for code in found.not_yet if code not in apart]
    if rest:
        lines.append(f"Not yet: {', '.join(f'{code} {names[code]}' for code in rest)}.")
    return lines + stopped_words(stopped, workspace.membership)


def _tell(terminal: Terminal, reading: "TrackerReading", matches: Path, recorded: Path | None) -> None:
    certain = sum(row.used is not None for row in reading.matches)
    lines = [f"{reading.where}: {reading.rows} rows about organisations.", "Guessed:"]
    lines += [f"  {one}" for one in reading.guessed]
    lines.append(
        f"Names: {certain} of {len(reading.matches)} are settled, {len(reading.waiting)} wait for a person ({matches})."
    )
    lines += _some([f'"{row.as_written}" ({_proposed(row.ods_code, row.name)}): {row.why}' for row in reading.waiting])
    if reading.waiting:
        lines.append(f"  Write the right ODS code and yes beside each in {matches.name}, then import again.")
    if reading.left_out:
        lines.append("Left out:")
        lines += _some([f"{one.place}: {one.why}" for one in reading.left_out])
    if reading.noted:
        lines.append("To know:")
        lines += _some(list(reading.noted))
    lines.append(f"New: {len(reading.events)} events; {reading.already} were recorded before.")
    lines += _some(
        [
            f"{one.ods_code} {one.stage.replace('_', ' ')} {_when(one.earliest, one.day)}"
            + (f", fidelity {one.fidelity}" if one.fidelity else "")
            for one in reading.events
        ]
    )
    lines.append(
        f"Recorded in {recorded}." if recorded else "A dry run: nothing was recorded. Add --yes to record what is new."
    )
    fields = {
        "rows": reading.rows,
        "guessed": reading.guessed,
        "match_file": matches,
        "waiting": [row.as_written for row in reading.waiting],
        "left_out": [{"place": one.place, "why": one.why} for one in reading.left_out],
        "noted": reading.noted,
        "already": reading.already,
        "new": [
            {
                "ods_code": one.ods_code,
                "stage": one.stage.value,
                "earliest": one.earliest,
                "date": one.day,
                "fidelity": str(one.fidelity) if one.fidelity else None,
            }
            for one in reading.events
        ],
        "recorded": recorded,
    }
    terminal.result(fields, text="\n".join(lines))


def _proposed(ods_code: str, name: str) -> str:
    return f"{ods_code} {name}?" if ods_code else "no code is proposed"


def _some(lines: list[str]) -> list[str]:
    more = [f"  and {len(lines) - _SHOWN} more (all with --json)"] if len(lines) > _SHOWN else []
    return [f"  {line}" for line in lines[:_SHOWN]] + more


def _when(earliest: object, day: object) -> str:
    return f"between {earliest} and {day}" if earliest else f"on {day}"


def _meanings(said: list[str]) -> "dict[str, Meaning]":
    from rounds.learning.spread.tracker.columns import ROLES
    from rounds.storage.suggestions import nearest

    found = {}
    for one in said:
        heading, equals, word = one.rpartition("=")
        if not equals or word.strip().lower() not in ROLES:
            raise typer.BadParameter(f'--column {one}: write "HEADING=MEANING"{nearest(word.strip(), ROLES)}')
        found[heading.strip()] = ROLES[word.strip().lower()]
    return found


def _statuses(said: list[str]) -> "dict[str, Stage | None]":
    found = {}
    for one in said:
        words, equals, stage = one.rpartition("=")
        if not equals:
            raise typer.BadParameter(f'--status {one}: write "WORDS=STAGE", or "WORDS=none"')
        found[" ".join(words.lower().split())] = None if stage.strip().lower() == "none" else _stage(stage.strip())
    return found


def _stage(word: str) -> "Stage":
    from rounds.learning.spread.adoption import Stage
    from rounds.storage.suggestions import nearest

    word = word.lower().replace(" ", "_").replace("-", "_")
    if word not in list(Stage):
        raise typer.BadParameter(f"there is no stage {word}{nearest(word, list(Stage))}")
    return Stage(word)
