"""The field's own stories against formulas that are not ours, and that their words stay true."""

import math
import sys
from pathlib import Path

import pytest

STORIES = Path(__file__).resolve().parents[2] / "examples" / "stories"
sys.path.insert(0, str(STORIES))

import agreement  # noqa: E402
import all as told  # noqa: E402
import pincer  # noqa: E402

HELD_AGAINST = (
    ("Odds ratios of PINCER's arms", "cross-product ratio and Woolf's standard error", "1e-8"),
    ("Alcohol-related liver disease, PINCER, ELPQuiC, PReCePT, NCAA, FREED", "the papers", "the printed digits"),
)
BY_TITLE = {story.title: story for story in told.stories()}


def check(title: str, what: str) -> agreement.Check:
    return next(one for one in BY_TITLE[title].checks if one.what == what)


@pytest.mark.parametrize(("name", "events", "of"), [arm[:3] for arm in pincer.ARMS])
def test_odds_ratios_are_those_of_the_cross_product(name: str, events: tuple[int, int], of: tuple[int, int]) -> None:
    ours = agreement.odds_ratio(events=events, of=of)
    (a, c), (b, d) = events, (of[0] - events[0], of[1] - events[1])
    woolf = math.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    ratio = c * b / (a * d)
    expected = (ratio, *(ratio * math.exp(sign * 1.959963984540054 * woolf) for sign in (-1, 1)))
    assert ours == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("title", "what"),
    [
        ("Alcohol-related liver disease", "index admissions in all"),
        ("Alcohol-related liver disease", "fall at the outliers"),
        ("PINCER", "at risk of the third, control and PINCER"),
        ("ELPQuiC", "the interval's middle"),
        ("ELPQuiC", "P of the ratio"),
        ("ELPQuiC", "fall, deaths for 100 patients"),
        ("PReCePT", "effect, percentage points"),
        ("PReCePT", "P of the effect"),
        ("In-hospital cardiac arrest", "NEWS: fall"),
        ("In-hospital cardiac arrest", "electronic observations: fall"),
        ("FREED and ESCAPE-pain", "FREED: took up treatment"),
        ("FREED and ESCAPE-pain", "difference, percentage points"),
    ],
)
def test_what_is_derivable_agrees_to_the_printed_digits(title: str, what: str) -> None:
    assert check(title, what).verdict is agreement.Verdict.AGREES


def test_a_wrong_figure_would_not_agree() -> None:
    assert agreement.agree("x", [0.61], [0.614], digits=2, why="").verdict is agreement.Verdict.AGREES
    assert agreement.agree("x", [0.62], [0.614], digits=2, why="").verdict is agreement.Verdict.DIFFERS
    assert agreement.within("x", [0.5], (0.6, 0.55, 0.7), digits=2, why="").verdict is agreement.Verdict.DIFFERS


def test_clusters_give_the_width_that_is_printed() -> None:
    clustered, published = check("PINCER", "the third, with practices as clusters"), pincer.ARMS[2][3]
    assert clustered.ours == "0.60 (0.40 to 0.90)"
    assert clustered.verdict is agreement.Verdict.CONSISTENT
    width = float(check("PINCER", "width of its interval, upper over lower").ours)
    assert width == pytest.approx(published[2] / published[1], rel=0.02)


def test_counts_come_from_percentages_only_where_a_single_one_fits() -> None:
    assert agreement.whole_counts(97.8, 278, digits=1) == (272,)
    assert agreement.whole_counts(75.4, 224, digits=1) == (169,)
    assert agreement.whole_counts(15.6, 299, digits=1) == ()
    assert agreement.whole_counts(84.1, 280, digits=1) == ()


def test_every_story_says_what_cannot_be_reproduced_and_why() -> None:
    assert len(BY_TITLE) == 6
    for story in BY_TITLE.values():
        missing = [one for one in story.checks if one.verdict is agreement.Verdict.CANNOT]
        assert missing, story.title
        assert all(len(one.why) > 30 for one in story.checks if one.verdict in {"differs", "cannot be reproduced"})


def test_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert told.main() == 0
    printed = capsys.readouterr().out
    assert printed.count(" | ours ") == sum(len(story.checks) for story in BY_TITLE.values())
