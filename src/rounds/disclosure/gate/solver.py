"""One linear or whole-number programme in HiGHS, changed a little and solved again from where it stands.

Work is limited in steps of the solver, never in seconds: the same question gives the same answer on every machine.
Whatever the solver cannot settle is a refusal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import highspy
import numpy as np
import numpy.typing as npt

from rounds.disclosure.gate.statements import Bounds, Terms, Whole
from rounds.errors import DisclosureRefusal

Reals: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.int32]

CLOSE: Final = 1e-6
"""How far a number that the solver gives may be from the whole number it stands for."""

LARGE: Final = 500
"""Programmes of more rows than this are searched less thoroughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much the solver may work at one question before it is refused."""

    steps: int = 200_000
    """Of the simplex method."""
    nodes: int = 20_000
    """Of the search among whole numbers."""
    rounds: int = 40
    """Choices of what to withhold that are tried by cuts: more come nearer to the cheapest of all."""
    tries: int = 3_000
    """Linear programmes for choices by cuts, and as many again each time what is superfluous is looked for."""
    master_steps: int = 10_000
    """Of the simplex method, over all rounds, for the choices themselves."""

    def allowed(self, most: int, *, rows: int) -> int:
        """Return how much of something is allowed with so many rows: each step of a large programme takes longer."""
        return min(most, most * LARGE // max(rows, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The unknowns of a programme."""

    costs: Reals
    lower: Reals
    upper: Reals


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """An optimum."""

    objective: float
    columns: Reals
    rows: Reals
    duals: Reals
    """What one more at each row's bound would cost, shape (rows,); empty of a whole-number programme."""
    reduced: Reals
    """The same at each column's bound, shape (columns,)."""
    bound: float
    """No solution costs less."""
    steps: int
    """Of the simplex method that it took."""

    def whole(self) -> Whole | None:
        """Return the columns if they are whole numbers, as far as the solver can tell."""
        rounded = np.rint(self.columns)
        if np.abs(self.columns - rounded).max(initial=0.0) > CLOSE:
            return None
        return rounded.astype(np.int64)


class Solver:
    """A programme that is minimised."""

    def __init__(
        self,
        columns: Columns,
        rows: Sequence[Terms],
        bounds: Sequence[tuple[float, float]],
        *,
        effort: Effort,
        whole: bool = False,
        any_will_do: bool = False,
        may_stop: bool = False,
    ) -> None:
        self._whole, self._may_stop = whole, may_stop or any_will_do
        self._programme = highspy.Highs()  # type: ignore[no-untyped-call]  # it has no annotations
        for option, value in (
            ("log_to_console", False),
            ("output_flag", False),
            ("threads", 1),
            ("random_seed", 0),
            ("presolve", "on" if whole else "off"),
            ("solver", "choose" if whole else "simplex"),
            ("simplex_iteration_limit", effort.steps),
            ("mip_max_nodes", effort.nodes),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.5),
            ("mip_max_improving_sols", 1 if any_will_do else highspy.kHighsIInf),
        ):
            _done(self._programme.setOptionValue(option, value))
        _done(self._programme.passModel(_programme(columns, rows, bounds, whole=whole)))

    def bound_row(self, row: int, lower: float, upper: float) -> None:
        """Change what a row must lie between."""
        _done(self._programme.changeRowBounds(row, lower, upper))

    def bound_column(self, column: int, lower: float, upper: float) -> None:
        """Change what a column must lie between."""
        _done(self._programme.changeColBounds(column, lower, upper))

    def start_afresh(self) -> None:
        """Forget where it stands: every column is at its bound."""
        _done(self._programme.setBasis())

    def cost(self, index: Places, costs: Reals) -> None:
        """Change what some columns cost."""
        _done(self._programme.changeColsCost(len(index), index, costs))

    def add_row(self, terms: Sequence[tuple[int, float]], lower: float) -> None:
        """Add a row that must be `lower` or more."""
        index = np.array([column for column, _ in terms], dtype=np.int32)
        values = np.array([value for _, value in terms], dtype=np.float64)
        _done(self._programme.addRow(lower, highspy.kHighsInf, len(terms), index, values))

    def solve(self, *, costs_changed: bool = False) -> Solution | None:
        """Return an optimum, or None if the rows contradict each other.

        Args:
            costs_changed: since the last time only costs did, so where it stands is still feasible.

        Raises:
            DisclosureRefusal: if the solver fails or has worked as much as it may.
        """
        if not self._whole:
            _done(self._programme.setOptionValue("simplex_strategy", 4 if costs_changed else 1))
        self._programme.run()
        status = self._programme.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        found, info = self._programme.getSolution(), self._programme.getInfo()
        stopped = (
            self._may_stop
            and status == highspy.HighsModelStatus.kSolutionLimit
            and info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        )
        if status != highspy.HighsModelStatus.kOptimal and not stopped:
            raise DisclosureRefusal(
                "the gate refuses: the solver could not settle what an attacker can find out "
                f"({self._programme.modelStatusToString(status)}); release fewer tables at a time"
            )
        return Solution(
            objective=info.objective_function_value,
            columns=np.asarray(found.col_value, dtype=np.float64),
            rows=np.asarray(found.row_value, dtype=np.float64),
            duals=np.asarray([] if self._whole else found.row_dual, dtype=np.float64),
            reduced=np.asarray([] if self._whole else found.col_dual, dtype=np.float64),
            bound=info.mip_dual_bound if self._whole else info.objective_function_value,
            steps=info.simplex_iteration_count,
        )

    def optimum(self, otherwise: str) -> Solution:
        """Return an optimum; if the rows contradict each other the gate refuses, and says what that means.

        Raises:
            DisclosureRefusal: if they do, or as `solve` does.
        """
        found = self.solve()
        if found is None:
            raise DisclosureRefusal(f"the gate refuses: {otherwise}")
        return found


def _programme(
    columns: Columns, rows: Sequence[Terms], bounds: Sequence[tuple[float, float]], *, whole: bool
) -> highspy.HighsLp:
    programme = highspy.HighsLp()
    programme.num_col_, programme.num_row_ = len(columns.costs), len(rows)
    programme.col_cost_, programme.col_lower_, programme.col_upper_ = columns.costs, columns.lower, columns.upper
    programme.row_lower_ = np.array([lower for lower, _ in bounds], dtype=np.float64)
    programme.row_upper_ = np.array([upper for _, upper in bounds], dtype=np.float64)
    programme.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    programme.a_matrix_.start_ = np.concatenate([[0], np.cumsum([len(terms) for terms in rows])]).astype(np.int32)
    programme.a_matrix_.index_ = np.array([column for terms in rows for column, _ in terms], dtype=np.int32)
    programme.a_matrix_.value_ = np.array([times for terms in rows for _, times in terms], dtype=np.float64)
    if whole:
        programme.integrality_ = [highspy.HighsVarType.kInteger] * len(columns.costs)
    return programme


def _done(status: highspy.HighsStatus) -> None:
    if status != highspy.HighsStatus.kOk:
        raise DisclosureRefusal("the gate refuses: the solver did not take what it was asked")


def reals(bounds: Bounds, *, settled: int = 0) -> tuple[float, float]:
    """Return bounds as the solver takes them, less what is settled already."""
    upper = highspy.kHighsInf if bounds.upper is None else float(bounds.upper - settled)
    return float(bounds.lower - settled), upper


ANYTHING: Final = (-highspy.kHighsInf, highspy.kHighsInf)
