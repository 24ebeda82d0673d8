"""A policy's text, changed at random: it is refused in words, or lets leave no more than its rule's floor."""

import os
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rounds.disclosure.policy import HES_BASE, HES_HIGHEST_WITHHELD, MOST_EPOCHS, Policy, decode_policy
from rounds.errors import DefinitionError
from rounds.storage.library import read_library, shipped_library_folder
from rounds.storage.policy_files import FOLDER, read_policy

LIBRARY = read_library(shipped_library_folder())
SHIPPED = [path.read_text(encoding="utf-8") for path in sorted((shipped_library_folder() / FOLDER).glob("*.yaml"))]
PIECES = [
    "rule: open",
    "rule: noise",
    "rule: hes",
    "highest_withheld: 3",
    "highest_withheld: 12",
    "round_to: 1",
    "round_to: 15",
    "budget: {rho_per_year: 9, periods_per_year: 1}",
    "most_epochs: 9",
    "overrides: {}",
    "never: true",
    "overrides: {otitis-media: {never: true}}",
    "overrides: {otitis-media: {round_to: 1}}",
    "author: B",
    "- x",
    "{",
    '"',
    "budget: {rho_per_year: .inf, periods_per_year: 48}",
    "budget: {rho_per_year: 0.5, periods_per_year: 48}",
    "&a *a",
]
EXAMPLES = int(os.environ.get("ROUNDS_POLICY_CASES", "150"))


@st.composite
def texts(draw: st.DrawFn) -> str:
    lines = draw(st.sampled_from(SHIPPED)).splitlines()
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(lines)))
        match draw(st.sampled_from(["put in", "take out", "write over", "any"])):
            case "put in":
                lines.insert(at, draw(st.sampled_from(PIECES)))
            case "take out":
                del lines[at : at + 1]
            case "write over":
                lines[at : at + 1] = [draw(st.sampled_from(PIECES))]
            case _:
                lines.insert(at, draw(st.text(max_size=12)))
    return "\n".join(lines) + "\n"


def test_no_text_makes_a_policy_below_its_floor(tmp_path: Path) -> None:
    seen: Counter[str] = Counter()
    path = tmp_path / FOLDER / "own.yaml"
    path.parent.mkdir()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True)
    @given(texts())
    def read(text: str) -> None:
        path.write_text(text.replace("id: ", "id: own-", 1), encoding="utf-8", newline="")
        try:
            policy = read_policy(_name(text), own=tmp_path, library=LIBRARY, source="site.yaml")
        except DefinitionError as error:
            seen["refused"] += 1
            seen["said why"] += bool(str(error))
            return
        seen["read"] += 1
        assert decode_policy(policy.encode()) == policy
        assert 1 <= policy.most_epochs <= MOST_EPOCHS
        assert policy.author != policy.reviewer
        for terms in (policy.terms, *policy.overrides.values()):
            assert terms.at_least_as_strict_as(policy.terms)
            assert terms.highest_withheld >= HES_HIGHEST_WITHHELD
            assert terms.round_to >= HES_BASE
            assert (terms.rule is Policy.NOISE) == (terms.budget is not None)
            assert terms.budget is None or 0 < terms.budget.rho_per_year <= 2

    read()
    assert seen["refused"] == seen["said why"] > 0
    assert seen["read"] > 0


def _name(text: str) -> str:
    line = next((line for line in text.splitlines() if line.startswith("id: ")), "id: none")
    return "own-" + line.removeprefix("id: ").strip()
