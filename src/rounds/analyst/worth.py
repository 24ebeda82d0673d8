"""Value from an analyst's own numbers: a table of simulations, or a file of costs with an effect that is stated."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from rounds.analyst.columns import Guess
from rounds.analyst.frames import Table, TableError, table_of
from rounds.analyst.numbers import numbers_in
from rounds.analyst.shown import charts_as_html
from rounds.learning.value.decision import Curves, curves, worths_of
from rounds.learning.value.frontier import Step, frontier
from rounds.learning.value.simulations import Comparison, Simulations, compare
from rounds.measures.definitions import Better
from rounds.reports.charts.theme import Spec
from rounds.reports.charts.value import MOST_OPTIONS, Cloud, acceptability_chart, plane_chart
from rounds.reports.content.document import Document
from rounds.reports.content.value_case import value_case
from rounds.reports.content.value_evidence import stated_evidence
from rounds.reports.content.value_words import (
    choice_words,
    comparison_words,
    money,
    money_span,
    sign_of,
    span,
    step_words,
)
from rounds.reports.content.wording import plural
from rounds.storage.suggestions import nearest
from rounds.storage.value_files import read_declared

_COSTS: Final = re.compile(r"(?:costs?|c)[ _.:-]*(.+)", re.IGNORECASE)
_EFFECTS: Final = re.compile(r"(?:effects?|eff|qalys?|outcomes?|e|u)[ _.:-]*(.+)", re.IGNORECASE)
_GRID: Final = 100
FEW: Final = 1_000
"""Simulations, below which their number shows in the results."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueResult:
    """What simulations say of options. Shows itself in a notebook; `write` makes files of it."""

    source: str
    guesses: tuple[Guess, ...]
    simulations: Simulations
    comparisons: tuple[Comparison, ...]
    """of each option against the first"""
    steps: tuple[Step, ...]
    curves: Curves
    """at a grid of worths and at those that were asked for"""
    asked: tuple[float, ...]
    unit: str
    currency: str
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    charts: tuple[tuple[str, str, Spec, str], ...]
    """file name, title, picture, text in its place"""

    def __str__(self) -> str:
        return "\n".join(self.sentences)

    def _repr_html_(self) -> str:
        """Return the charts with their sentences, for a notebook."""
        shown = [(name, title, spec, text, ()) for name, title, spec, text in self.charts]
        return charts_as_html(shown, Better.NEITHER)

    def write(self, folder: str | Path, *, done: Callable[[], None] = lambda: None) -> tuple[Path, ...]:
        """Write a workbook, and an SVG and a PNG of each chart; `done` is told of each."""
        from rounds.analyst.files import write_value

        return write_value(self, Path(folder), done=done)

    def options(self) -> pl.DataFrame:
        """Return each option: mean cost and effect, its place on the frontier, and against the first."""
        against = {one.option: one for one in self.comparisons}
        rows = []
        for step in self.steps:
            one = against.get(step.option)
            rows.append(
                {
                    "option": step.option,
                    "cost": step.cost,
                    "effect": step.effect,
                    "place": str(step.place),
                    "by": " and ".join(step.by) or None,
                    "frontier_from": step.from_option,
                    "frontier_icer": step.icer,
                    "against": one.against if one else None,
                    "incremental_cost": one.cost.estimate if one else None,
                    "incremental_cost_lower": one.cost.lower if one else None,
                    "incremental_cost_upper": one.cost.upper if one else None,
                    "incremental_effect": one.effect.estimate if one else None,
                    "incremental_effect_lower": one.effect.lower if one else None,
                    "incremental_effect_upper": one.effect.upper if one else None,
                    "verdict": str(one.verdict) if one else None,
                    "icer": one.icer if one else None,
                }
            )
        return pl.DataFrame(rows, infer_schema_length=None)

    def table(self) -> pl.DataFrame:
        """Return the curves: at each worth the probabilities, the best option and the worth of perfect information."""
        found = self.curves
        return pl.DataFrame(
            {
                "worth": found.worths,
                **{f"net benefit {name}": found.expected[:, at] for at, name in enumerate(found.options)},
                **{f"probability {name}": found.probability[:, at] for at, name in enumerate(found.options)},
                "best": [found.options[int(at)] for at in found.best],
                "probability of the best": found.frontier,
                "evpi": found.evpi,
            }
        )


def value(
    data: Any,
    *,
    costs: dict[str, str] | None = None,
    effects: dict[str, str] | None = None,
    worths: Sequence[float] = (20_000.0, 30_000.0),
    unit: str = "QALY",
    currency: str = "GBP",
    per_people: float | None = None,
) -> ValueResult:
    """Return what a probabilistic sensitivity analysis says: ratios, dominance, acceptability, perfect information.

    Args:
        data: a table with a row for each simulation and two columns for each option: what it costs and what it gains.
        costs: the column of each option's costs, by option; the first is what others are held against. Guessed from
            names such as `cost_usual` and `qaly_usual`, or `c0` and `e0`, if left out.
        effects: the column of each option's effects, by option; more is better.
        worths: what a unit of effect may be worth, in the currency.
        unit: of effects, in the singular.
        currency: three letters.
        per_people: how many people each simulation is of, to say what knowing more is worth for all; not said if None.

    Raises:
        TableError: names the column and the line, and what to do.
    """
    table = table_of(data)
    if (costs is None) != (effects is None):
        raise TableError(f"{table.name}: name the columns of costs and of effects, or neither")
    guesses: tuple[Guess, ...] = ()
    if costs is None or effects is None:
        costs, effects, guesses = _guessed(table)
    if set(costs) != set(effects):
        odd = sorted(set(costs) ^ set(effects))
        raise TableError(f"{table.name}: {', '.join(odd)} has a column of costs or of effects, and needs both")
    options = tuple(costs)
    try:
        simulations = Simulations(
            options=options,
            costs=_matrix(table, [costs[one] for one in options]),
            effects=_matrix(table, [effects[one] for one in options]),
        )
        asked = tuple(float(one) for one in worths_of(worths))
    except ValueError as error:
        raise TableError(f"{table.name}: {error}") from error
    most = 2 * max(asked) or 1.0
    found = curves(simulations, sorted({*(most * at / _GRID for at in range(_GRID + 1)), *asked}))
    against = tuple(compare(simulations, one, options[0]) for one in options[1:])
    steps = frontier(simulations)
    return ValueResult(
        source=table.name,
        guesses=guesses,
        simulations=simulations,
        comparisons=against,
        steps=steps,
        curves=found,
        asked=asked,
        unit=unit,
        currency=currency,
        sentences=_sentences(against, steps, found, asked, unit, currency, per_people),
        notes=_notes(simulations),
        charts=_charts(simulations, found, asked, unit, currency),
    )


def _guessed(table: Table) -> tuple[dict[str, str], dict[str, str], tuple[Guess, ...]]:
    """Return which columns are costs and effects of what, by names that go together."""
    of_costs = {found[1].lower(): name for name in table.frame.columns if (found := _COSTS.fullmatch(name))}
    of_effects = {found[1].lower(): name for name in table.frame.columns if (found := _EFFECTS.fullmatch(name))}
    options = [one for one in of_costs if one in of_effects]
    if len(options) < 2:
        raise TableError(
            f"{table.name}: which columns are the costs and effects of which option cannot be seen from their names; "
            "call them cost_A, qaly_A, cost_B, qaly_B, or name them with --cost A=COLUMN and --effect A=COLUMN"
        )
    because = "by its name, which goes with another's"
    guesses = [
        Guess(role=f"{what} of {one}", column=columns[one], because=because)
        for one in options
        for what, columns in (("costs", of_costs), ("effects", of_effects))
    ]
    return {one: of_costs[one] for one in options}, {one: of_effects[one] for one in options}, tuple(guesses)


def _matrix(table: Table, columns: list[str]) -> Any:
    found = []
    for name in columns:
        if name not in table.frame.columns:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, table.frame.columns)}")
        numbers = numbers_in(table.frame[name])
        missing = None if numbers is None else numbers.values.is_null().arg_true()
        if numbers is None or missing is None or len(missing):
            where = "" if numbers is None or missing is None else f", {table.place(int(missing[0]))}"
            raise TableError(f"{table.name}{where}, column {name}: a simulation needs a number, and there is none")
        found.append(numbers.values.to_numpy())
    return np.column_stack(found)


def _sentences(
    against: tuple[Comparison, ...],
    steps: tuple[Step, ...],
    found: Curves,
    asked: tuple[float, ...],
    unit: str,
    currency: str,
    people: float | None,
) -> tuple[str, ...]:
    said = []
    for one in against:
        said.append(comparison_words(one, unit, currency))
        said.append(f"  Difference in cost {money_span(one.cost, currency)}, in effect {span(one.effect, f'{unit}s')}.")
    if len(steps) > 2:
        said += [step_words(one, unit, currency) for one in steps]
    places = {float(worth): at for at, worth in enumerate(found.worths)}
    for worth in asked:
        said.append(choice_words(found, places[worth], unit, currency))
        if people is not None:
            total = people * float(found.evpi[places[worth]])
            said.append(f"  For {people:,.10g} people like these: at most {money(total, currency)}.")
    return tuple(said)


def _notes(simulations: Simulations) -> tuple[str, ...]:
    notes = ["An interval holds 95 in 100 simulations. Sums are neither repriced nor discounted here."]
    if simulations.draws < FEW:
        notes.append(
            f"{plural(simulations.draws, 'simulation')}: a probability near 50% is uncertain by "
            f"{100 / np.sqrt(simulations.draws):.0f} points for their number alone. Make {FEW:,} or more."
        )
    return tuple(notes)


def _charts(
    simulations: Simulations, found: Curves, asked: tuple[float, ...], unit: str, currency: str
) -> tuple[tuple[str, str, Spec, str], ...]:
    if len(simulations.options) > MOST_OPTIONS:
        return ()
    first, sign = simulations.options[0], sign_of(currency)
    effects, costs = (one - one[:, :1] for one in (simulations.effects, simulations.costs))
    clouds = [
        Cloud(
            option=name,
            effects=effects[:, at].tolist(),
            costs=costs[:, at].tolist(),
            mean=(float(effects[:, at].mean()), float(costs[:, at].mean())),
        )
        for at, name in enumerate(simulations.options)
        if at
    ]
    plane = plane_chart(
        clouds=clouds,
        worth=asked[0],
        worth_label=f"{money(asked[0], currency)} a {unit}: below the line it is worth its cost",
        title=f"Costs more than {first}, {sign.strip()}, each point one simulation",
        across=f"Gains more than {first}, {unit}s",
    )
    curve = acceptability_chart(
        worths=found.worths.tolist(),
        lines=[(name, found.probability[:, at].tolist()) for at, name in enumerate(found.options)],
        title="How likely each option is the best choice, %",
        across=f"What one {unit} is worth, {sign.strip()}",
    )
    return (
        ("plane", "Cost-effectiveness plane", plane, f"Cost-effectiveness plane of options against {first}."),
        ("acceptability", "Acceptability curves", curve, "Cost-effectiveness acceptability curves."),
    )


def stated_case(path: str | Path, *, seed: int = 1) -> Document:
    """Return a business case from a file of costs that states its effect itself.

    Args:
        path: a YAML file as `library/values/` holds, with `effect`.
        seed: of the simulations.

    Raises:
        DefinitionError: naming file, line and field.
        TableError: if the file states no effect, or a number is impossible.
    """
    declared = read_declared(Path(path))
    if declared.stated is None:
        raise TableError(f"{path}: no `effect` is stated; state one with its source, or let a round find it")
    evidence = stated_evidence(declared.stated, author=declared.author, groups=declared.groups)
    try:
        return value_case(declared, evidence, network=declared.author, seed=seed)
    except ValueError as error:
        raise TableError(f"{path}: {error}") from error
