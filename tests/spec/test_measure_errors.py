"""What a person reads when a measure is wrong: each mistake a file can hold, where it stands and what to do."""

from pathlib import Path
from typing import get_args

import pytest
from language_cases import read_measure

from rounds.errors import DefinitionError
from rounds.measures.strata import LEVELS, Stratum
from rounds.storage.criteria_files import SexLevel
from rounds.storage.library_files import CodeListFile
from rounds.storage.yaml_files import read_yaml

WRONG = {
    "a typo deep inside": (
        """\
count: people
numerator:
  had:
    event: measurement
    codes: hba1c
    provided:
      any:
        - {value: {form: 48}}
grain: year
""",
        [
            "line 8 column 20: unknown field `form`; did you mean `from`?",
        ],
    ),
    "a typo in a criterion": (
        """\
count: people
numerator: {hadd: {event: drug_era, codes: aspirin}}
grain: year
""",
        [
            "line 2 column 13: unknown field `hadd`; did you mean `had`?",
        ],
    ),
    "a typo in a list": (
        """\
count: people
numerator:
  - {sex: female}
  - {agee: {from: 18}}
grain: year
""",
        [
            "line 4 column 6: unknown field `agee`; did you mean `age`?",
        ],
    ),
    "a typo in where": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, where: {observed: {frm: start}}}}
grain: year
""",
        [
            "line 2 column 71: unknown field `frm`; did you mean `from`?",
        ],
    ),
    "a typo in at_least": (
        """\
count: people
numerator: {at_least: {nmber: 1, of: [{sex: female}]}}
grain: year
""",
        [
            "line 2 column 13: field `number` is missing; add it",
            "line 2 column 24: unknown field `nmber`; did you mean `number`?",
        ],
    ),
    "unknown codes": (
        """\
count: people
numerator: {had: {event: drug_era, codes: asprin}}
grain: year
""",
        [
            "line 2 column 36: `numerator.had.codes`: there is no code list `asprin`; did you mean `aspirin`?",
        ],
    ),
    "unknown answer": (
        """\
count: people
numerator: {had: {event: observation, codes: smoking-status, provided: {answer: smoke}}}
grain: year
""",
        [
            "line 2 column 73: `numerator.had.provided.answer`: there is no code list `smoke`; did you mean `smokes`?",
        ],
    ),
    "unknown codes nested": (
        """\
count: people
numerator:
  had:
    event: condition_occurrence
    codes: fall
    provided:
      - {had: {event: procedure_occurrence, codes: head-skan}}
grain: year
""",
        [
            "line 7 column 45: `numerator.had.provided.had.codes`: there is no code list `head-skan`; did "
            "you mean `head-scan`?",
        ],
    ),
    "a window of negative length": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: end, to: end - 1 day}}
grain: year
""",
        [
            "line 2 column 63: `numerator.had.to`: the window from `end` to `end - 1 day` ends before it "
            "begins; exchange its ends or correct them",
        ],
    ),
    "a window that begins after its default end": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: end + 1 day}}
grain: year
""",
        [
            "line 2 column 13: `numerator.had`: the window from `end + 1 day` to `end` ends before it "
            "begins; exchange its ends or correct them",
        ],
    ),
    "dates the wrong way round": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: 2020-02-01, to: 2020-01-01}}
grain: year
""",
        [
            "line 2 column 70: `numerator.had.to`: the window from `2020-02-01` to `2020-01-01` ends before "
            "it begins; exchange its ends or correct them",
        ],
    ),
    "observed in a window of negative length": (
        """\
count: people
numerator: {observed: {from: start, to: start - 1 year}}
grain: year
""",
        [
            "line 2 column 37: `numerator.observed.to`: the window from `start` to `start - 1 year` ends "
            "before it begins; exchange its ends or correct them",
        ],
    ),
    "lies in its own window": (
        """\
count: people
numerator: {lies: {from: start}}
grain: year
""",
        [
            "line 2 column 20: `numerator.lies.from`: what lies in a window does not say where the window is; write "
            "`period start`, or a date",
        ],
    ),
    "a detail of another table": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, provided: {marked: {by: discharged to, codes: home}}}}
grain: year
""",
        [
            "line 2 column 63: `numerator.had.provided.marked`: a row of drug_era has no `discharged to`; ask for it "
            "in `provided` of visit_detail or visit_occurrence",
        ],
    ),
    "a detail that is none": (
        """\
count: people
numerator: {had: {event: observation, codes: any, provided: {marked: {by: kind, codes: home}}}}
grain: year
""",
        [
            "line 2 column 71: `numerator.had.provided.marked.by` cannot be `kind`; choose one of `admitted from`, "
            "`discharged to`, `qualifier`, `status`, `type`",
        ],
    ),
    "a result of a visit": (
        """\
count: people
numerator: {had: {event: visit_occurrence, codes: inpatient, provided: {result: recorded}}}
grain: year
""",
        [
            "line 2 column 73: `numerator.had.provided.result`: a row of visit_occurrence has no value; ask for it in "
            "`provided` of measurement or observation",
        ],
    ),
    "a result of a score": (
        """\
count: people
numerator: {had: {score: warning, provided: {result: recorded}}}
grain: year
""",
        [
            "line 2 column 46: `numerator.had.provided.result`: a set of observations has a score and nothing else; "
            "ask for it in another way",
        ],
    ),
    "a procedure that goes on": (
        """\
count: people
numerator: {had: {event: procedure_occurrence, codes: head-scan, without_end: on and on}}
grain: year
""",
        [
            "line 2 column 66: `numerator.had.without_end`: a row of procedure_occurrence does not go on; remove "
            "`without_end`",
        ],
    ),
    "the lowest of drugs": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, which: last, stands: lowest of the day}}
grain: year
""",
        [
            "line 2 column 65: `numerator.had.stands`: the lowest of a day is of the first or the last row of "
            "measurement or observation",
        ],
    ),
    "edge text": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: start-3days}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.from`: `start-3days` is no edge of a window; write `start`, "
            "`end`, `period start`, `period end`, a date such as 2024-01-31 or `any time`, and move it by ` + ` or "
            "` - ` and a number of days, weeks, months or years, such as `end - 12 months + 1 day`",
        ],
    ),
    "edge word": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: begin}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.from`: `begin` is no edge of a window; write `start`, `end`, "
            "`period start`, `period end`, a date such as 2024-01-31 or `any time`, and move it by ` + ` or ` - ` and "
            "a number of days, weeks, months or years, such as `end - 12 months + 1 day`",
        ],
    ),
    "edge day": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: "2020-02-30"}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.from`: `2020-02-30` is no day of the calendar; correct it",
        ],
    ),
    "edge year": (
        """\
count: people
numerator:
  - {had: {event: drug_era, codes: aspirin, from: 0202-01-01}}
  - {age: {from: 18, on: 3020-01-01}}
  - {scores: {score: risk, at_least: 2, on: 2202-01-01}}
grain: year
""",
        [
            "line 3 column 45: `numerator.had.from`: a day lies between 1900-01-01 and 2199-12-31, not on 0202-01-01; "
            "correct its year",
            "line 4 column 22: `numerator.age.on`: a day lies between 1900-01-01 and 2199-12-31, not on 3020-01-01; "
            "correct its year",
            "line 5 column 41: `numerator.scores.on`: a day lies between 1900-01-01 and 2199-12-31, not on "
            "2202-01-01; correct its year",
        ],
    ),
    "value beyond any": (
        """\
count: people
numerator:
  - {had: {event: measurement, codes: hba1c, provided: {value: {from: 1e39}}}}
  - {had: {event: measurement, codes: hba1c, provided: {value: {to: 48, units: {-1: percent}}}}}
grain: year
""",
        [
            "line 3 column 65: `numerator.had.provided.value.from`: no value is beyond 3.4e+38; correct the limit",
            "line 4 column 73: `numerator.had.provided.value.units`: -1 is no concept; correct the number",
        ],
    ),
    "a need without its sign": (
        "count: people\nnumerator: {sex: female}\ngrain: year\nneeds: {sex: 95}\n",
        ["line 4 column 9: `needs.sex`: write a whole percentage, such as `95 %`"],
    ),
    "a need in words": (
        "count: people\nnumerator: {sex: female}\ngrain: year\nneeds: {sex: 95 percent}\n",
        ["line 4 column 9: `needs.sex`: write a whole percentage, such as `95 %`"],
    ),
    "target nothing can be": (
        "count: people\nnumerator: {sex: female}\ngrain: year\nper: 100\ntarget: 950\n",
        ["line 5 column 1: `target`: a target here is 0 to 100, not 950; correct it or `per`"],
    ),
    "target of a rate below nothing": (
        "count: time\ntime: observed\nnumerator: {had: {event: death}}\ngrain: year\nunit: person-years\ntarget: -1\n",
        ["line 6 column 1: `target`: a target here is 0 or more, not -1; correct it or `per`"],
    ),
    "a score has no unit": (
        "count: events\nevents: {score: warning}\nwho: {value: {from: 1, units: {8541: per minute}}}\n"
        "numerator: {sex: female}\ngrain: year\n",
        ["line 3 column 24: `who.value.units`: a score has no unit; remove `units`"],
    ),
    "a score that is looked for has no unit": (
        "count: people\nnumerator: {had: {score: warning, provided: {value: {from: 2, units: {8541: per minute}}}}}\n"
        "grain: year\n",
        ["line 2 column 63: `numerator.had.provided.value.units`: a score has no unit; remove `units`"],
    ),
    "a score has no answer": (
        "count: events\nevents: {score: warning}\nnumerator: [{sex: female}, {answer: smokes}]\ngrain: year\n",
        [
            "line 3 column 29: `numerator.answer`: a set of observations has a score and nothing else; ask for it in "
            "another way",
        ],
    ),
    "edge moved date": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: 2020-02-01 + 3 days}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.from`: a date of the calendar is not moved by months or days; "
            "write the day you mean",
        ],
    ),
    "edge number": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, from: 3}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.from` must be text, not `3`",
        ],
    ),
    "value crossed": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: 58, to: 48}}}}
grain: year
""",
        [
            "line 2 column 82: `numerator.had.provided.value.to`: no value lies between 58 and 48; correct the limits",
        ],
    ),
    "value beyond all": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {below: 1.0e+300}}}}
grain: year
""",
        [
            "line 2 column 72: `numerator.had.provided.value.below`: no value is beyond 3.4e+38; correct the limit",
        ],
    ),
    "value crossed below": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: 58, below: 58}}}}
grain: year
""",
        [
            "line 2 column 82: `numerator.had.provided.value.below`: no value lies between 58 and 58; correct the "
            "limits",
        ],
    ),
    "two lower": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: 58, above: 58}}}}
grain: year
""",
        [
            "line 2 column 82: `numerator.had.provided.value.above`: `from` and `above` are both lower "
            "limits; keep one",
        ],
    ),
    "value text": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: high}}}}
grain: year
""",
        [
            "line 2 column 72: `numerator.had.provided.value.from` must be a number, not `high`",
        ],
    ),
    "units name": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: 1, units: {mmol/mol: 9579}}}}}
grain: year
""",
        [
            "line 2 column 89: `numerator.had.provided.value.units.mmol/mol`: what stands before the colon "
            "must be a whole number, not `mmol/mol`",
            "line 2 column 89: `numerator.had.provided.value.units.mmol/mol` must be text, not `9579`",
        ],
    ),
    "units list": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, provided: {value: {from: 1, units: [9579]}}}}
grain: year
""",
        [
            "line 2 column 81: `numerator.had.provided.value.units` must be a mapping (`name: value`), not a list",
        ],
    ),
    "age crossed": (
        """\
count: people
numerator: {age: {from: 64, to: 18}}
grain: year
""",
        [
            "line 2 column 29: `numerator.age.to`: no age is from 64 to 18; exchange or correct the limits",
        ],
    ),
    "age none": (
        """\
count: people
numerator: {age: {}}
grain: year
""",
        [
            "line 2 column 13: `numerator.age`: an age needs a lower limit, an upper limit or both",
        ],
    ),
    "age neg": (
        """\
count: people
numerator: {age: {from: -1}}
grain: year
""",
        [
            "line 2 column 19: `numerator.age.from` must be 0 or more, not -1",
        ],
    ),
    "age big": (
        """\
count: people
numerator: {age: {to: 151}}
grain: year
""",
        [
            "line 2 column 19: `numerator.age.to` must be 150 or less, not 151",
        ],
    ),
    "age by": (
        """\
count: people
numerator: {age: {to: 15, by: birthdays}}
grain: year
""",
        [
            "line 2 column 27: `numerator.age.by` cannot be `birthdays`; did you mean `birthday`?",
        ],
    ),
    "age not a mapping": (
        """\
count: people
numerator: {age: 18}
grain: year
""",
        [
            "line 2 column 13: `numerator.age` must be a mapping (`name: value`), not `18`",
        ],
    ),
    "same visit people": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, same_visit: true}}
grain: year
""",
        [
            "line 2 column 53: `numerator.had.same_visit`: a person does not say during which visit it "
            "happened; remove `same_visit`",
        ],
    ),
    "same visit table": (
        """\
count: visits
visits: inpatient
numerator: {had: {event: drug_era, codes: aspirin, same_visit: true}}
grain: year
""",
        [
            "line 3 column 52: `numerator.had.same_visit`: a row of drug_era does not say during which "
            "visit it happened; remove `same_visit`",
        ],
    ),
    "value of person": (
        """\
count: people
numerator: {value: {from: 3}}
grain: year
""",
        [
            "line 2 column 13: `numerator.value`: a person has no value; ask for it in `provided` of "
            "measurement or observation",
        ],
    ),
    "value of visit": (
        """\
count: visits
visits: inpatient
numerator: {not: {value: {from: 3}}}
grain: year
""",
        [
            "line 3 column 19: `numerator.not.value`: a row of visit_occurrence has no value; ask for it in "
            "`provided` of measurement or observation",
        ],
    ),
    "value of drug": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, provided: [{sex: female}, {value: {from: 3}}]}}
grain: year
""",
        [
            "line 2 column 79: `numerator.had.provided.value`: a row of drug_era has no value; ask for it "
            "in `provided` of measurement or observation",
        ],
    ),
    "answer of drug": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, where: {answer: smokes}}}
grain: year
""",
        [
            "line 2 column 60: `numerator.had.where.answer`: a row of drug_era has no value; ask for it in "
            "`provided` of measurement or observation",
        ],
    ),
    "value in events where": (
        """\
count: events
events: {event: drug_era, codes: aspirin, where: {value: {from: 3}}}
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 51: `events.where.value`: a row of drug_era has no value; ask for it in "
            "`provided` of measurement or observation",
        ],
    ),
    "two things": (
        """\
count: people
numerator: {sex: female, age: {from: 18}}
grain: year
""",
        [
            "line 2 column 13: `numerator.sex`: a criterion says one thing, and here are `age` and `sex`; "
            "make them a list, with a dash before each, if all must be met, or name them in `any`",
        ],
    ),
    "nothing": (
        """\
count: people
numerator: {}
grain: year
""",
        [
            "line 2 column 1: `numerator`: this criterion says nothing; write one of `age`, `sex`, `ethnicity`, "
            "`deprivation`, `area`, `care_site`, `ward`, "
            "`observed`, `value`, `answer`, `marked`, `result`, `lies`, `had`, `summary`, `change`, `in_cohort`, "
            "`scores`, `all`, `any`, `at_least`, `not`",
        ],
    ),
    "null": (
        """\
count: people
numerator:
grain: year
""",
        [
            "line 2 column 1: `numerator`: nothing is asked; write a `numerator`, or a `mean`",
        ],
    ),
    "null crit": (
        """\
count: people
numerator: {had: }
grain: year
""",
        [
            "line 2 column 1: `numerator`: this criterion says nothing; write one of `age`, `sex`, `ethnicity`, "
            "`deprivation`, `area`, `care_site`, `ward`, "
            "`observed`, `value`, `answer`, `marked`, `result`, `lies`, `had`, `summary`, `change`, `in_cohort`, "
            "`scores`, `all`, `any`, `at_least`, `not`",
        ],
    ),
    "empty list": (
        """\
count: people
numerator: []
grain: year
""",
        [
            "line 2 column 1: `numerator` is empty; write at least one item",
        ],
    ),
    "empty any": (
        """\
count: people
numerator: {any: []}
grain: year
""",
        [
            "line 2 column 13: `numerator.any` is empty; write at least one item",
        ],
    ),
    "empty of": (
        """\
count: people
numerator: {at_least: {number: 1, of: []}}
grain: year
""",
        [
            "line 2 column 35: `numerator.at_least.of` is empty; write at least one item",
        ],
    ),
    "empty sex": (
        """\
count: people
numerator: {sex: []}
grain: year
""",
        [
            "line 2 column 13: `numerator.sex` is empty; write at least one item",
        ],
    ),
    "sex twice": (
        """\
count: people
numerator: {sex: [male, male]}
grain: year
""",
        [
            "line 2 column 13: `numerator.sex`: name each sex that is meant once, and at least one",
        ],
    ),
    "sex typo": (
        """\
count: people
numerator: {sex: femal}
grain: year
""",
        [
            "line 2 column 13: `numerator.sex` cannot be `femal`; did you mean `female`?",
        ],
    ),
    "sex typo list": (
        """\
count: people
numerator: {sex: [femal, male]}
grain: year
""",
        [
            "line 2 column 19: `numerator.sex` cannot be `femal`; did you mean `female`?",
        ],
    ),
    "sex num": (
        """\
count: people
numerator: {sex: 8532}
grain: year
""",
        [
            "line 2 column 13: `numerator.sex` cannot be `8532`; choose one of `female`, `male`, `unknown`",
        ],
    ),
    "wrong type crit": (
        """\
count: people
numerator: aspirin
grain: year
""",
        [
            "line 2 column 1: `numerator` must be a mapping (`name: value`), not `aspirin`",
        ],
    ),
    "wrong type list item": (
        """\
count: people
numerator: [aspirin]
grain: year
""",
        [
            "line 2 column 13: `numerator` must be a mapping (`name: value`), not `aspirin`",
        ],
    ),
    "any mapping": (
        """\
count: people
numerator: {any: {sex: female}}
grain: year
""",
        [
            "line 2 column 13: `numerator.any` must be a list, not a mapping",
        ],
    ),
    "not list": (
        """\
count: people
numerator: {not: [{sex: female}]}
grain: year
""",
        [
            "line 2 column 13: `numerator.not` must be a mapping (`name: value`), not a list",
        ],
    ),
    "bool": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, inside_observation: "no"}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.inside_observation` must be true or false, not `no`",
        ],
    ),
    "table": (
        """\
count: people
numerator: {had: {event: drugs, codes: aspirin}}
grain: year
""",
        [
            "line 2 column 19: `numerator.had.event` cannot be `drugs`; did you mean `drug_era`?",
        ],
    ),
    "no event": (
        """\
count: people
numerator: {had: {codes: aspirin}}
grain: year
""",
        [
            "line 2 column 13: `numerator.had`: field `event` is missing; add it, `score` or `cohort`",
        ],
    ),
    "no codes": (
        """\
count: people
numerator: {had: {event: drug_era}}
grain: year
""",
        [
            "line 2 column 19: `numerator.had.event`: drug_era needs `codes`: the name of a code list, or `any`",
        ],
    ),
    "an unknown score of people": (
        """\
count: people
numerator: {scores: {score: rsk, at_least: 2}}
grain: year
""",
        ["line 2 column 22: `numerator.scores.score`: there is no score `rsk`; did you mean `risk`?"],
    ),
    "a score of observations asked of people": (
        """\
count: people
numerator: {scores: {score: warning, at_least: 2}}
grain: year
""",
        [
            "line 2 column 22: `numerator.scores.score`: score `warning` is of observations; write `had: "
            "{score: warning, provided: {value: ...}}`"
        ],
    ),
    "a score of people asked of observations": (
        """\
count: people
numerator: {had: {score: risk}}
grain: year
""",
        [
            "line 2 column 19: `numerator.had.score`: score `risk` is of people; write "
            "`scores: {score: risk, at_least: ...}`"
        ],
    ),
    "a score without points": (
        """\
count: people
numerator: {scores: {score: risk}}
grain: year
""",
        ["line 2 column 13: `numerator.scores`: say how many points; add `at_least`, `at_most` or both"],
    ),
    "more points than there are": (
        """\
count: people
numerator: {scores: {score: risk, at_least: 7}}
grain: year
""",
        ["line 2 column 35: `numerator.scores.at_least`: “Risk” is from 1 to 6, not 7"],
    ),
    "no points at least": (
        """\
count: people
numerator: {scores: {score: risk, at_least: 0}}
grain: year
""",
        ["line 2 column 35: `numerator.scores.at_least`: “Risk” is from 1 to 6, not 0"],
    ),
    "as many points as there are at most": (
        """\
count: people
numerator: {scores: {score: risk, at_most: 6}}
grain: year
""",
        ["line 2 column 35: `numerator.scores.at_most`: this is from 0 to 5, for “Risk” is at most 6"],
    ),
    "less than no points": (
        """\
count: people
numerator: {scores: {score: risk, at_most: -1}}
grain: year
""",
        ["line 2 column 35: `numerator.scores.at_most`: this is from 0 to 5, for “Risk” is at most 6"],
    ),
    "points crossed": (
        """\
count: people
numerator: {scores: {score: risk, at_least: 3, at_most: 2}}
grain: year
""",
        ["line 2 column 48: `numerator.scores.at_most`: `at_most` 2 is below `at_least` 3; exchange them"],
    ),
    "a score that looks from after its day": (
        """\
count: people
numerator: {scores: {score: risk, at_least: 3, from: start + 2 days}}
grain: year
""",
        [
            "line 2 column 48: `numerator.scores.from`: the window ends before it begins; exchange its ends or "
            "correct them"
        ],
    ),
    "at_least 0": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, at_least: 0}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.at_least` must be 1 or more, not 0",
        ],
    ),
    "at_least 16": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, at_least: 16}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.at_least` must be 15 or less, not 16",
        ],
    ),
    "at_most 15": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, at_most: 15}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.at_most` must be 14 or less, not 15",
        ],
    ),
    "at_most crossed": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, at_most: 1, at_least: 2}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.at_most`: `at_most` 1 is below `at_least` 2; exchange them",
        ],
    ),
    "at_least of": (
        """\
count: people
numerator: {at_least: {number: 3, of: [{sex: female}]}}
grain: year
""",
        [
            "line 2 column 24: `numerator.at_least.number`: this is from 1 to the number of criteria, which "
            "is 1, not 3",
        ],
    ),
    "at_least of 0": (
        """\
count: people
numerator: {at_least: {number: 0, of: [{sex: female}]}}
grain: year
""",
        [
            "line 2 column 24: `numerator.at_least.number`: this is from 1 to the number of criteria, which "
            "is 1, not 0",
        ],
    ),
    "at_least num": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, at_least: two}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.at_least` must be a whole number, not `two`",
        ],
    ),
    "at_least first": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, which: last, at_least: 2}}
grain: year
""",
        [
            "line 2 column 53: `numerator.had.which`: the last row is one row; `at_least` and `distinct` do "
            "not go with it",
        ],
    ),
    "which": (
        """\
count: people
numerator: {had: {event: measurement, codes: hba1c, which: latest}}
grain: year
""",
        [
            "line 2 column 53: `numerator.had.which` cannot be `latest`; did you mean `last`?",
        ],
    ),
    "which events": (
        """\
count: events
events: {event: drug_era, codes: aspirin, which: last}
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 43: `events.which` cannot be `last`; choose one of `any`, `first ever`",
        ],
    ),
    "death codes": (
        """\
count: people
numerator: {had: {event: death, codes: aspirin}}
grain: year
""",
        [
            "line 2 column 33: `numerator.had.codes`: a row of death has no code; remove the code list",
        ],
    ),
    "touching": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, touching: overlap}}
grain: year
""",
        [
            "line 2 column 52: `numerator.had.touching` cannot be `overlap`; did you mean `overlaps`?",
        ],
    ),
    "visits typo codes": (
        """\
count: visits
visits: in-patient
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `visits`: there is no code list `in-patient`; did you mean `inpatient`?",
        ],
    ),
    "visits typo field": (
        """\
count: visits
visits: inpatient
numeratr: {sex: female}
numerator: {sex: female}
grain: year
""",
        [
            "line 3 column 1: unknown field `numeratr`; did you mean `numerator`?",
        ],
    ),
    "visits deep typo": (
        """\
count: visits
visits: inpatient
numerator: {had: {event: drug_era, codess: aspirin}}
grain: year
""",
        [
            "line 3 column 36: unknown field `codess`; did you mean `codes`?",
        ],
    ),
    "events deep typo": (
        """\
count: events
events: {event: drug_era, cods: aspirin}
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 27: unknown field `cods`; did you mean `codes`?",
        ],
    ),
    "people visits": (
        """\
count: people
visits: inpatient
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: field `visits` does not go with the choice `people`; remove it",
        ],
    ),
    "published with who": (
        """\
count: published
numerator: a
denominator: b
who: {sex: female}
grain: year
""",
        [
            "line 4 column 1: field `who` does not go with the choice `published`; remove it",
        ],
    ),
    "observed": (
        """\
count: people
observed: any
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `observed` cannot be `any`; did you mean `any day`?",
        ],
    ),
    "per 0": (
        """\
count: people
per: 0
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `per` must be 1 or more, not 0",
        ],
    ),
    "version 0": (
        """\
count: people
version: 0
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `version` must be 1 or more, not 0",
        ],
    ),
    "span 0": (
        """\
count: people
span: 0
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `span` must be 1 or more, not 0",
        ],
    ),
    "span 99": (
        """\
count: people
span: 99
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `span` must be 60 or less, not 99",
        ],
    ),
    "strata twice": (
        """\
count: people
strata: [sex, sex]
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `strata`: a stratum is named twice; keep one",
        ],
    ),
    "id": (
        """\
count: people
id: My Measure
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `id` cannot be `My Measure`; use small letters, digits and hyphens, 60 at "
            "most, no hyphen first",
        ],
    ),
    "title empty": (
        """\
count: people
title: ""
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `title` is empty; write at least one word",
        ],
    ),
    "reviewer": (
        """\
count: people
author: Me
reviewer: Me
numerator: {sex: female}
grain: year
""",
        [
            "line 3 column 1: `reviewer`: the reviewer must be somebody other than the author",
        ],
    ),
    "grain": (
        """\
count: people
grain: monthly
numerator: {sex: female}
""",
        [
            "line 2 column 1: `grain` cannot be `monthly`; did you mean `month`?",
        ],
    ),
    "target": (
        """\
count: people
target: high
numerator: {sex: female}
grain: year
""",
        [
            "line 2 column 1: `target` must be a number, not `high`",
        ],
    ),
    "nested age": (
        """\
count: people
numerator: {had: {event: drug_era, codes: aspirin, provided: {age: {from: 64, to: 18}}}}
grain: year
""",
        [
            "line 2 column 79: `numerator.had.provided.age.to`: no age is from 64 to 18; exchange or "
            "correct the limits",
        ],
    ),
    "all ages": (
        """\
count: people
grain: all
strata: [age_band]
numerator: {sex: female}
""",
        [
            "line 3 column 1: `strata`: a person has no one age over all dates; remove `age_band`",
        ],
    ),
    "time over all dates": (
        """\
count: time
time: observed
grain: all
unit: person-days
numerator: {had: {event: drug_era, codes: aspirin}}
""",
        [
            "line 3 column 1: `grain`: time is counted by the day to the year, not over all dates",
        ],
    ),
    "span all": (
        """\
count: people
grain: all
span: 2
numerator: {sex: female}
""",
        [
            "line 3 column 1: `span`: all dates are one period, not 2; correct `span`",
        ],
    ),
    "value of person in list": (
        """\
count: people
numerator:
  - {sex: female}
  - any:
      - {age: {from: 3}}
      - {value: {from: 3}}
grain: year
""",
        [
            "line 6 column 10: `numerator.any.value`: a person has no value; ask for it in `provided` of "
            "measurement or observation",
        ],
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_measure(tmp_path: Path, text: str, expected: list[str]) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_measure(text, tmp_path)
    assert str(caught.value).replace(f"{tmp_path}/measure.yaml ", "").splitlines() == expected


def test_the_words_for_sex_are_those_of_the_stratum() -> None:
    assert get_args(SexLevel) == LEVELS[Stratum.SEX]


CODES = """\
id: example
version: 1
title: Example
descendants: true
concepts: {1: one, 2: two}
author: A
reviewer: B
next_review: 2030-01-01
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "author: A",
            "excluded: {1: one, 2: two}\nauthor: A",
            "line 6 column 1: `excluded`: every concept that is named is excluded too; take one out of `excluded`",
        ),
        (
            "reviewer: B",
            "reviewer: A",
            "line 7 column 1: `reviewer`: the reviewer must be somebody other than the author",
        ),
        ("id: example", "id: any", "line 1 column 1: `id`: `any` means any code at all; give the list another name"),
        (
            "concepts: {1: one, 2: two}",
            "concepts: {1: one, -2: two}",
            "line 5 column 1: `concepts`: -2 is no concept; correct the number",
        ),
        (
            "author: A",
            "excluded: {9223372036854775808: far}\nauthor: A",
            "line 6 column 1: `excluded`: 9223372036854775808 is no concept; correct the number",
        ),
        ("concepts: {1: one, 2: two}", "concepts: {}", "line 5 column 1: `concepts` is empty; write at least one item"),
        (
            "concepts: {1: one, 2: two}",
            "concepts: {one: 1}",
            "line 5 column 12: `concepts.one`: what stands before the colon must be a whole number, not `one`",
        ),
        (
            "descendants: true",
            "descendant: true",
            "line 4 column 1: unknown field `descendant`; did you mean `descendants`?",
        ),
    ],
)
def test_a_wrong_code_list(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert old in CODES
    path = tmp_path / "codes.yaml"
    path.write_text(CODES.replace(old, new))
    with pytest.raises(DefinitionError) as caught:
        read_yaml(path, CodeListFile)
    assert expected in str(caught.value).replace(f"{path} ", "").splitlines()
