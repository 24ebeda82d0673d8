"""Writes the parts of docs/ that are made from the code: the commands, the measures, their language, who
approves what, what numbers are held against, and the README's pictures.

`python docs/generate.py` writes the texts, `--check` only says whether they are up to date, `--pictures` runs the demo
and photographs its pages with Chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import typer.main
from approval_page import approval_page
from language_pages import measure_language_page, measure_schema
from scoreboard_page import scoreboard_page
from stories_page import stories_page

from rounds.cli.app import app
from rounds.measures.words import measure_in_words
from rounds.storage.library import read_library, shipped_library_folder

DOCS = Path(__file__).resolve().parent
PICTURES = {
    "policy-maker.png": ("policy-maker.html", 1100, 1180),
    "organisation.png": ("organisations/zz5.html", 1100, 1080),
    "phone.png": ("organisations/zz5.html", 400, 1080),
}


def commands_page() -> str:
    """Return every command with its own help."""
    parts = ["# Commands\n\nGenerated from the program's own help by `make docs`.\n"]
    for path, command in _commands(typer.main.get_command(app), ("rounds",)):
        parts.append(f"## `{' '.join(path)}`\n")
        help_text = (command.help or "").replace("[bold]", "**").replace("[/bold]", "**")
        parts.append(help_text.strip() + "\n")
        options = [option for option in command.params if not getattr(option, "hidden", False)]
        if options:
            rows = [f"| {_name(option)} | {getattr(option, 'help', None) or ''} |" for option in options]
            parts.append("| | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def measures_page() -> str:
    """Return every measure of the shipped library in words."""
    library = read_library(shipped_library_folder())
    parts = [
        "# Measures\n\nGenerated from `library/` by `make docs`. [The measure language](measure-language.md)\n"
        "says how they are written and what they mean.\n"
    ]
    for measure in library.measures:
        parts.append(f"## {measure.title}\n\n{measure.description}\n\n| | |\n|---|---|")
        parts.append("\n".join(f"| {name} | {value} |" for name, value in measure_in_words(measure)) + "\n")
    parts.append("# Code lists\n")
    parts.append("| code list | version | concepts | descendants |\n|---|---|---|---|")
    for codes in library.code_lists:
        named = ", ".join(f"{concept_id} {name}" for concept_id, name in codes.concepts)
        parts.append(f"| {codes.title} (`{codes.id}`) | {codes.version} | {named} | {_yes(codes.descendants)} |")
    parts.append(
        "\n# Groupings\n\nWhat ethnicity, deprivation, area, care site and ward are split by. The last level of each "
        "is `unknown`.\n\n| grouping | version | of | looks at | levels | values |\n|---|---|---|---|---|---|"
    )
    for one in library.groupings:
        values = f"`groupings/{one.id}.csv` of each site" if one.held_by_site else f"{len(one.values or ())}"
        levels, of = ", ".join(one.named), one.by.replace("_", " ")
        parts.append(f"| {one.title} (`{one.id}`) | {one.version} | {of} | `{one.attribute}` | {levels} | {values} |")
    parts.append(
        "\n# Standard populations\n\n| population | version | people of each age band, women and men |\n|---|---|---|"
    )
    for standard in library.standards:
        people = ", ".join(f"{band} {sex}: {number:,}" for (band, sex), number in standard.people)
        parts.append(f"| {standard.title} (`{standard.id}`) | {standard.version} | {people} |")
    parts.append("\n# Scores\n\n| score | version | of | points for |\n|---|---|---|---|")
    for score in library.scores:
        names = ", ".join(component.id for component in score.components)
        parts.append(f"| {score.title} (`{score.id}`) | {score.version} | observations at the same minute | {names} |")
    for score in library.person_scores:
        most = sum(graded.most for graded in score.of)
        parts.append(
            f"| {score.title} (`{score.id}`) | {score.version} | people | {len(score.of)} things, {most} at most |"
        )
    parts.append("\n# Schedules of observations\n")
    parts.append(
        "| schedule | version | of scores | due in minutes, from a total | or one component |\n|---|---|---|---|---|"
    )
    for schedule in library.schedules:
        bands = ", ".join(f"{band.at_least}: {band.minutes}" for band in schedule.bands)
        alone = f"{schedule.single.at_least}: {schedule.single.minutes}"
        named = f"{schedule.title} (`{schedule.id}`) | {schedule.version} | {', '.join(schedule.scores)}"
        parts.append(f"| {named} | {bands} | {alone} |")
    parts.append("\n# Cohorts\n")
    parts.append("| cohort | version | definition |\n|---|---|---|")
    for cohort in library.cohorts:
        rules = "; ".join(rule.name for rule in cohort.definition.rules) or "none"
        parts.append(f"| {cohort.title} (`{cohort.id}`) | {cohort.version} | inclusion rules: {rules} |")
    return "\n".join(parts) + "\n"


def _commands(command: click.Command, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group) or hasattr(command, "commands"):
        found = [(path, command)]
        for name, inner in command.commands.items():
            found += _commands(inner, (*path, name))
        return found
    return [(path, command)]


def _name(option: click.Parameter) -> str:
    return ", ".join(f"`{name}`" for name in option.opts) if option.param_type_name == "option" else f"`{option.name}`"


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


PAGES = {
    "commands.md": commands_page,
    "approval.md": approval_page,
    "measures.md": measures_page,
    "statistics/scoreboard.md": scoreboard_page,
    "stories.md": stories_page,
    "measure-language.md": measure_language_page,
    "schemas/measure.json": measure_schema,
}


def take_pictures() -> None:
    """Run the demo in a folder of its own and photograph some of its pages."""
    browser = shutil.which("chromium")
    if browser is None:
        sys.exit("no chromium: install it to take the pictures")
    with tempfile.TemporaryDirectory() as scratch:
        network = Path(scratch) / "demo"
        subprocess.run([sys.executable, "-m", "rounds", "demo", str(network)], check=True)
        outputs = next((network / "outputs").iterdir())
        (DOCS / "pictures").mkdir(exist_ok=True)
        for name, (page, width, height) in PICTURES.items():
            flags = [
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                f"--user-data-dir={scratch}/profile",
                f"--window-size={width},{height}",
            ]
            shot = f"--screenshot={DOCS / 'pictures' / name}"
            subprocess.run([browser, *flags, shot, (outputs / page).as_uri()], check=True, capture_output=True)


def main() -> None:
    if "--pictures" in sys.argv:
        take_pictures()
        return
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if "--check" not in sys.argv:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    if stale:
        sys.exit(f"docs/{', docs/'.join(stale)} no longer tell the truth; run `make docs`")


if __name__ == "__main__":
    main()
