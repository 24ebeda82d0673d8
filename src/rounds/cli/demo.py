"""`rounds demo`: a synthetic network with known truth, and one round of it."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rounds.cli.centre import run
from rounds.cli.terminal import terminal_of
from rounds.cli.value import draft_cases
from rounds.errors import DefinitionError

if TYPE_CHECKING:  # the command line imports late so that --help is fast
    from rounds.reports.insight import Estimate


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to make the network; must not hold anything else.")] = Path(
        "demo"
    ),
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same network.")] = 1,
    only_make: Annotated[bool, typer.Option("--only-make", help="Make the network and do not run a round.")] = False,
) -> None:
    """Make a network of 15 invented hospitals and run a round of it.

    A deterioration programme goes live at different dates and halves cardiac arrests where it is embedded. What was
    planted stands in truth.json; the round must find it again. A business case is drafted from it, with invented costs.

    [bold]Examples[/bold]

    rounds demo

    rounds demo another-network --seed 7
    """
    from rounds.records.synthetic import SyntheticNetwork, write_demo_network

    terminal = terminal_of(context)
    if (folder / "network.yaml").exists():
        _refuse_another(folder, seed)
    elif folder.resolve() == Path.cwd():
        raise DefinitionError("the demo cannot replace the folder you are in; name a new one: rounds demo my-network")
    else:
        with terminal.bars() as bars:
            write_demo_network(folder, plan=SyntheticNetwork(seed=seed), progress=bars)
    if not only_make:
        run(context, folder)
        if not terminal.json:
            sys.stdout.write("\n".join(planted_and_found(folder)) + "\n")
            sys.stdout.write("\n".join(_business_case(folder)) + "\n")


def planted_and_found(folder: Path) -> tuple[str, ...]:
    """Return, in a line for each number that was planted, what the round found in its place.

    Args:
        folder: a demo's, its round published.
    """
    from rounds.reports.insight import Kind
    from rounds.reports.json_file import read_insights

    truth = json.loads((folder / "truth.json").read_bytes())
    published = next((folder / "outputs").glob("*/insights.json"))
    impact = next(one for one in read_insights(published.read_bytes()) if one.kind is Kind.IMPACT)
    if impact.benefit is None:
        return (f"What was planted was not found: {impact.statement}",)
    ratio, avoided = impact.certainty.estimate, impact.benefit.patients
    return (
        "What was planted, and what the round found without knowing it:",
        _line("rate ratio of cardiac arrests", truth["rate_ratio"], ratio, "{:.2f}"),
        _line("cardiac arrests avoided", truth["expected_avoided"], avoided, "{:,.0f}"),
    )


def _business_case(folder: Path) -> list[str]:
    """Draft the business case of what the round found, from the demo's invented costs, and say where it is."""
    if not (folder / "library" / "values").is_dir():  # a demo of an earlier version
        return []
    lines, _ = draft_cases(folder, costs=(), round_id=None, seed=1)
    return ["A business case drafted from it, with invented costs:", *(f"  {line.strip()}" for line in lines)]


def _line(what: str, planted: float, found: "Estimate", as_text: str) -> str:
    held = "inside" if found.lower <= planted <= found.upper else "OUTSIDE, as happens 1 time in 20"
    value, lower, upper = (as_text.format(number) for number in (found.value, found.lower, found.upper))
    return (
        f"  {what + ':':<31} planted {as_text.format(planted):>5}, found {value:>5} (95% interval {lower} to {upper}): "
        f"{held}"
    )


def _refuse_another(folder: Path, seed: int) -> None:
    """Go on with a demo of the same seed; leave any other network alone."""
    truth = folder / "truth.json"
    planted = json.loads(truth.read_bytes()).get("seed") if truth.exists() else None
    if planted != seed:
        what = "a network that is no demo" if planted is None else f"a demo of seed {planted}"
        raise DefinitionError(f"{folder} holds {what}; name another folder, or run what is there: rounds run {folder}")
