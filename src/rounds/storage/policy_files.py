"""What the YAML of a policy looks like: `library/policies/*.yaml`, and a site's own beside them."""

from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from rounds.disclosure.budget import Budget
from rounds.disclosure.policy import HES_BASE, HES_HIGHEST_WITHHELD, MOST_EPOCHS, Policy, SitePolicy, Terms
from rounds.errors import DefinitionError
from rounds.storage.criteria_parts import refuse_here
from rounds.storage.identifiers import Identifier
from rounds.storage.library import Library, shipped_library_folder
from rounds.storage.suggestions import nearest
from rounds.storage.yaml_files import Definition, read_yaml

FOLDER: Final = "policies"
Words = Annotated[str, Field(min_length=1)]


class BudgetFile(Definition):
    """`{rho_per_year: 1.0, periods_per_year: 48}`."""

    rho_per_year: float
    periods_per_year: int

    @model_validator(mode="after")
    def _holds(self) -> Self:
        refuse_here(self.to_budget)
        return self

    def to_budget(self) -> Budget:
        return Budget(rho_per_year=self.rho_per_year, periods_per_year=self.periods_per_year)


class OverrideFile(Definition):
    """`{never: true}`, or numbers above the policy's own."""

    highest_withheld: int | None = None
    round_to: int | None = None
    never: bool = False

    def to_terms(self, general: Terms) -> Terms:
        few = general.highest_withheld if self.highest_withheld is None else self.highest_withheld
        base = general.round_to if self.round_to is None else self.round_to
        return replace(general, highest_withheld=few, round_to=base, never=self.never)


class PolicyFile(Definition):
    """A rule with its numbers, and measures for which it is stricter."""

    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    source: Words
    rule: Words
    highest_withheld: int = HES_HIGHEST_WITHHELD
    round_to: int = HES_BASE
    budget: BudgetFile | None = None
    most_epochs: int = MOST_EPOCHS
    overrides: dict[Identifier, OverrideFile] = Field(default_factory=dict)
    author: Words
    reviewer: Words
    next_review: date

    @model_validator(mode="after")
    def _holds(self) -> Self:
        refuse_here(self.to_terms)
        for measure, override in self.overrides.items():
            refuse_here(partial(override.to_terms, self.to_terms()), None, "overrides", measure)
        refuse_here(self.to_policy)
        return self

    def to_terms(self) -> Terms:
        """Return what holds for every measure without an override."""
        if self.rule not in set(Policy):
            raise DefinitionError(f"there is no rule `{self.rule}`{nearest(self.rule, list(Policy))}", field="rule")
        return Terms(
            rule=Policy(self.rule),
            highest_withheld=self.highest_withheld,
            round_to=self.round_to,
            budget=self.budget.to_budget() if self.budget else None,
        )

    def to_policy(self) -> SitePolicy:
        """Return the policy.

        Raises:
            DefinitionError: if the rule is unknown or weaker than its name says, or an override is weaker.
        """
        terms = self.to_terms()
        return SitePolicy(
            name=self.id,
            terms=terms,
            overrides={measure: override.to_terms(terms) for measure, override in self.overrides.items()},
            most_epochs=self.most_epochs,
            author=self.author,
            reviewer=self.reviewer,
            next_review=self.next_review,
        )


def read_policy(name: str, *, own: Path | None, library: Library, source: str) -> SitePolicy:
    """Return the policy of a name: a shipped one, or the site's own.

    Args:
        name: the policy's id, as site.yaml gives it.
        own: the site's own library folder.
        library: whose measures overrides may name.
        source: the file that names it, for messages.

    Raises:
        DefinitionError: if there is none of that id or two, or it cannot be read, or an override is of no measure.
    """
    found: dict[str, tuple[Path, PolicyFile]] = {}
    for folder in [shipped_library_folder() / FOLDER, *([own / FOLDER] if own is not None else [])]:
        for path in sorted(folder.glob("*.yaml")):
            file = read_yaml(path, PolicyFile)
            if file.id in found:
                raise DefinitionError(
                    f"{path}: there is a policy `{file.id}` in {found[file.id][0]}; give it an id of its own"
                )
            found[file.id] = path, file
    if name not in found:
        raise DefinitionError(
            f"{source}: there is no policy `{name}`{nearest(name, list(found))}; without a policy nothing leaves"
        )
    path, file = found[name]
    known = [measure.id for measure in library.measures]
    for measure in file.overrides:
        if measure not in known:
            raise DefinitionError(f"{path}: overrides: no measure `{measure}` in the library{nearest(measure, known)}")
    return file.to_policy()
