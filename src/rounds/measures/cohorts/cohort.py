"""A cohort of the library: a reviewed ATLAS definition, with an id and a version."""

from dataclasses import dataclass, field

from rounds.measures.cohorts.definition import CohortDefinition


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """A cohort definition as measures name it. Two are equal if they say the same of the same people."""

    id: str
    version: int
    title: str
    definition: CohortDefinition = field(compare=False, repr=False)
    digest: str = field(init=False)
    """The SHA-256 of everything that decides who is in the cohort."""

    def __post_init__(self) -> None:
        # Worked out once: cohorts are looked up often, and a definition can be long.
        object.__setattr__(self, "digest", self.definition.digest)

    @property
    def meaning(self) -> str:
        """What decides who is in the cohort; no id, title or version does."""
        return self.digest

    def __str__(self) -> str:
        return f"{self.id} v{self.version}"
