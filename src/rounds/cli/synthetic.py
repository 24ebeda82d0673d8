"""`rounds synthetic`: an invented population of any size, in OMOP tables, with its truth beside it."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import day_of
from rounds.cli.terminal import terminal_of

_DEFAULT_PRESET = "tiny"


def synthetic(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Where to write it; must not hold anything.")],
    preset: Annotated[
        str,
        typer.Option(
            "--preset",
            help="tiny (2,000 people), small (50,000), town (300,000), region (1.9 million) or nation (6 million).",
        ),
    ] = _DEFAULT_PRESET,
    people: Annotated[int | None, typer.Option("--people", help="How many people, instead of a preset.")] = None,
    sites: Annotated[int, typer.Option("--sites", help="Over how many sites they are spread.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed makes the same records.")] = 1,
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Only what had been recorded by this day, as it then stood, such as 2023-06-30."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=8, help="How many processes work at it.")] = 2,
) -> None:
    """Make an invented population: ten years of OMOP records of any number of people, and the truth about them.

    Every site has a folder of Parquet files, such as sites/site-01/records. What was planted stands in truth.json:
    what any engine counts must agree with it. Among the records are deaths, transfers, people known at two sites,
    changes of codes, missing numbers and wrong units; --as-of makes what comes late missing and what is corrected later
    wrong.

    [bold]Examples[/bold]

    rounds synthetic people

    rounds synthetic region --preset region --seed 7

    rounds synthetic network --people 200000 --sites 8

    rounds synthetic june --preset small --as-of 2023-06-30
    """
    from rounds.records.synthetic.population import PRESETS, Population, write_population

    if people is None and preset not in PRESETS:
        raise typer.BadParameter(f"{preset!r} is not a size; take one of {', '.join(PRESETS)}, or give --people")
    try:
        plan = Population(
            seed=seed,
            people=PRESETS[preset].people if people is None else people,
            sites=sites,
            as_of=day_of(as_of) if as_of else None,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    terminal = terminal_of(context)
    with terminal.bars() as bars:
        written = write_population(folder, plan=plan, progress=bars, workers=workers)
    rows = sum(written.rows.values())
    terminal.result(
        {"folder": str(folder), "people": plan.people, "sites": plan.sites, "rows": written.rows},
        text=f"{folder}: {plan.people:,} people and {rows:,} rows at {plan.sites} "
        f"{'site' if plan.sites == 1 else 'sites'}; what was planted stands in {folder / 'truth.json'}",
    )
