"""Writes the pages about the measure language: its rules, from the cases the tests run, and its schema for editors."""

import json
import re
import sys
import tempfile
from pathlib import Path

from rounds.measures.words import question_in_words
from rounds.records.tables import TABLES
from rounds.storage.library_files import MeasureFile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from language_cases import (
    ANCESTORS,
    BORN,
    CODE_LISTS,
    COHORTS_IN_WORDS,
    CONCEPTS,
    GROUPINGS,
    OBSERVED,
    Asked,
    Case,
    column_names,
    read_measure,
    read_themes,
    rows_of,
)

IN_PYTHON = """\
```python
from datetime import date

from rounds.engines import duck
from rounds.measures.codelists import CodeList
from rounds.measures.criteria import Events, Has
from rounds.measures.definitions import Better, Measure
from rounds.measures.events import EventTable
from rounds.measures.periods import Grain
from rounds.measures.questions import People, RecordsQuestion
from rounds.measures.strata import Stratum
from rounds.measures.traits import Observed
from rounds.records.omop import open_records

aspirin = CodeList(
    id="aspirin",
    version=1,
    title="Aspirin, as an ingredient",
    concepts=((1112807, "Aspirin"),),
    descendants=False,
)
courses = Events(table=EventTable.DRUG_ERA, codes=aspirin, where=Observed())  # inside observation, as YAML means it
users = Measure(
    id="aspirin-users",
    version=1,
    title="People treated with aspirin",
    description="Of the people observed in the year, how many started a course of aspirin in it?",
    question=RecordsQuestion(unit=People(), numerator=Has(events=courses)),
    grain=Grain.YEAR,
    strata=(Stratum.AGE_BAND, Stratum.SEX),
    per=1000,
    unit="people",
    better=Better.NEITHER,
    author="Rounds library authors",
    reviewer="Rounds clinical review",
    next_review=date(2027, 6, 30),
)
records = open_records(folder, site="here", as_of=date(2024, 12, 31))
years = users.periods(first=date(2020, 1, 1), last=date(2023, 12, 31))
counted = duck.count(users, records, member="RX1", periods=years).cells  # a Polars table
```
"""

INTRODUCTION = f"""\
# The measure language

Generated from `tests/spec/measure_language/` by `make docs`. Every case below is a test that the reference engine,
DuckDB, the pack and PostgreSQL pass. Spark, which runs the same SQL, is held against generated cases.

A measure is a YAML file in `library/measures/`. Besides what the cases show it has an `id`, a `version`, a `title`, a
`description`, how its rate is shown (`per`, `unit`, `better` and perhaps a `target`) and who wrote and who reviewed it
(`author`, `reviewer`, `next_review`). It may say how complete the records must be of what it looks at:
`needs: {{sex: 95 %, value of systolic-blood-pressure: 80 %}}`, also `unit of`, `answer of` and `visit of` a code list.
This changes no count: a site says, in steps of 5 %, how much is there, and where it is less the result is flagged.

Editors that know the YAML language server complete and check a measure while it is written if its first line is
`# yaml-language-server: $schema=../../docs/schemas/measure.json` (the path from the file to the schema).

A measure may be written in Python too. This is `library/measures/aspirin-users.yaml`, with the same digest, and what
it counts in a folder of OMOP tables:

{IN_PYTHON}
What cannot be asked is refused when it is made, as in YAML. Exact counts stay at the site.

In the tables, somebody of whom nothing else is said is a woman born in {BORN}, observed from {OBSERVED[0]} to
{OBSERVED[1]}. An empty cell is shown as –. Columns are called by short names:
"""


def measure_language_page() -> str:
    """Return the rules of the language with a contents list."""
    themes = read_themes()
    contents = []
    for theme in themes:
        contents.append(f"- [{theme.theme}](#{_anchor(theme.theme)})")
        contents += [f"  - [{case.title}](#{_anchor(case.title)})" for case in theme.cases]
    contents_list = "\n".join(contents) + "\n"
    parts = [INTRODUCTION, _columns(), _code_lists(), _cohorts(), _groupings(), "## Contents\n", contents_list]
    for theme in themes:
        parts.append(f"## {theme.theme}\n\n{theme.about}\n")
        parts += [_case(case) for case in theme.cases]
    return "\n".join(parts)


def measure_schema() -> str:
    """Return the JSON Schema of a measure file."""
    schema = MeasureFile.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


def _columns() -> str:
    rows = []
    for name in TABLES:
        if name not in ("concept", "concept_ancestor"):
            shown = ", ".join(f"{word} `{column}`" for word, column in column_names(name).items())
            rows.append([f"`{name}`", shown])
    return _table(["table", "columns"], rows)


def _code_lists() -> str:
    rows = []
    for codes in CODE_LISTS:
        if codes.concepts == ((codes.concept_ids[0], codes.id),) and not codes.descendants:
            continue
        named = ", ".join(name for _, name in codes.concepts)
        left_out = ", ".join(name for _, name in codes.excluded)
        rows.append([f"`{codes.id}`", named, "yes" if codes.descendants else "no", left_out or "–"])
    specific = "; ".join(f"{below} is a kind of {above}" for above, below in ANCESTORS)
    table = _table(["code list", "concepts", "with descendants", "excluded"], rows)
    return f"Any other code list names the one concept it is called by. Of the concepts, {specific}.\n\n{table}"


def _groupings() -> str:
    words = {str(concept): word for word, concept in CONCEPTS.items()}
    rows = []
    for grouping in GROUPINGS:
        said = {level: [] for level in grouping.named}
        for value, level in grouping.values or ():
            said[level].append(words.get(value, value))
        levels = "; ".join(f"{level}: {', '.join(values)}" for level, values in said.items())
        rows.append([f"`{grouping.id}`", grouping.by.replace("_", " "), f"`{grouping.attribute}`", levels])
    table = _table(["grouping", "of", "looks at", "levels"], rows)
    return (
        "Groupings are reviewed files in `library/groupings/`. A value that is in none of their lists is `unknown`, "
        f"the last level of each.\n\n{table}"
    )


def _cohorts() -> str:
    rows = [[f"`{name}`", words] for name, words in COHORTS_IN_WORDS.items()]
    table = _table(["cohort", "who and when"], rows)
    return f"ATLAS definitions, exported as JSON, say who is in these cohorts:\n\n{table}"


def _case(case: Case) -> str:
    parts = [f"### {case.title}\n\n{case.why}\n"]
    for name, text in case.tables.items():
        header, *rows = rows_of(text)
        parts.append(f"`{name}`\n\n{_table(header, rows)}")
    parts += [_asked(asked) for asked in case.asked]
    return "\n".join(parts)


def _asked(asked: Asked) -> str:
    with tempfile.TemporaryDirectory() as scratch:
        measure = read_measure(asked.measure, Path(scratch))
    words = "; ".join(f"*{name}* {words}" for name, words in question_in_words(measure.question))
    cells = [cell.split(" ") for cell, _, _ in asked.expected]
    counts = [[str(numerator), str(denominator)] for _, numerator, denominator in asked.expected]
    header = ["period", *(str(stratum).replace("_", " ") for stratum in measure.strata), "numerator", "denominator"]
    rows = [
        # A quarter is written as two words.
        [" ".join(cell[: len(cell) - len(measure.strata)]), *cell[len(cell) - len(measure.strata) :], *count]
        for cell, count in zip(cells, counts, strict=True)
    ]
    so = f"{asked.so}\n\n" if asked.so else ""
    return f"```yaml\n{asked.measure.rstrip()}\n```\n\nIn words: {words}.\n\n{_table(header, rows)}\n{so}"


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *([("–" if cell == "-" else cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _anchor(title: str) -> str:
    """Return what a heading is linked by."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
