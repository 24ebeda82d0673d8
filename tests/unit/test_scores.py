"""What a score may not be."""

from collections.abc import Callable

import pytest
from small_site import DRUG

from rounds.errors import DefinitionError
from rounds.measures.codelists import CodeList
from rounds.measures.scores import Component, Score, Step

LAST = Step(up_to=None, points=0)


def _component(**changed: object) -> Component:
    return Component(**({"id": "sign", "codes": DRUG, "steps": (LAST,)} | changed))  # type: ignore[arg-type]  # by name


def _score(*components: Component) -> Score:
    return Score(id="score", version=1, title="Score", components=components)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: _component(steps=()), "name either `steps` of a number or `answers`"),
        (lambda: _component(answers=((DRUG, 1),)), "name either `steps` of a number or `answers`"),
        (lambda: _component(steps=(Step(up_to=1.0, points=1),)), "every step but the last has a limit"),
        (lambda: _component(steps=(LAST, Step(up_to=1.0, points=1))), "every step but the last has a limit"),
        (lambda: _component(steps=(Step(up_to=2.0, points=1), Step(up_to=2.0, points=2), LAST)), "must rise"),
        (lambda: _component(steps=(), answers=((DRUG, 1),), units=(8753,)), "a coded answer has no unit"),
        (lambda: _score(_component(), _component()), "a component is named twice"),
        (lambda: _score(_component(if_missing=0)), "at least one component must be required"),
        (
            lambda: _score(_component(only_if=(("other", 3),)), _component(id="other")),
            "`other` gives 0 points, never 3",
        ),
        (lambda: _score(_component(only_if=(("sign", 0),)), _component(id="other")), "it may depend on `other`, not"),
        (_score, "at least one component must be required"),
    ],
)
def test_a_score_that_cannot_be(make: Callable[[], object], expected: str) -> None:
    with pytest.raises(DefinitionError, match=expected):
        make()


def test_the_meaning_follows_the_points_and_not_the_words() -> None:
    score = _score(_component())
    other_words = Score(id="other", version=2, title="Other", components=(_component(id="other"),))
    assert score.meaning == other_words.meaning
    codes = CodeList(id="drug", version=1, title="Drug", concepts=((12, "Other"),), descendants=False)
    for changed in (_component(steps=(Step(up_to=None, points=1),)), _component(codes=codes), _component(units=(1,))):
        assert score.meaning != _score(changed).meaning
