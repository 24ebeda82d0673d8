"""The sizes people ask for by name. Rows and bytes are measured by benchmarks/synthetic.py."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A size with a name."""

    people: int
    description: str


PRESETS: Final = {
    "tiny": Preset(people=2_000, description="a general practice; for tests"),
    "small": Preset(people=50_000, description="a small town; for a laptop"),
    "town": Preset(people=300_000, description="the people around one hospital"),
    "region": Preset(people=1_900_000, description="an integrated care system"),
    "nation": Preset(people=6_000_000, description="a small country, or a large region"),
}
