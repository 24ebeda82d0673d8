"""Writes an invented network's folder: its definitions, its sites' records, and the truth a round must find."""

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import numpy as np

from rounds.errors import DefinitionError
from rounds.learning.spread.adoption import AdoptionEvent, Stage
from rounds.records.synthetic.areas import LEVELS, LOOK_UP, arrest_shares, draw_mix, look_up_csv
from rounds.records.synthetic.arrests import Arrests, draw_arrests
from rounds.records.synthetic.pipeline import DEMO_PIPELINE
from rounds.records.synthetic.plan import Hospital, Stream, SyntheticNetwork
from rounds.records.synthetic.tables import site_tables
from rounds.records.synthetic.value import COSTS_FILE, costs_yaml
from rounds.storage.atomic import write_file, write_folder
from rounds.storage.pipeline_files import FOLDER, pipeline_csvs
from rounds.storage.progress import Progress

INNOVATION: Final = "deterioration-programme"
OUTCOME: Final = "cardiac-arrests"
BY_DEPRIVATION: Final = "cardiac-arrests-by-deprivation"
IMPROVES: Final = ("observations-on-admission", "outreach-reviews")
MEASURES: Final = (
    (OUTCOME, 1),
    ("in-hospital-deaths", 1),
    ("observations-on-admission", 1),
    ("outreach-reviews", 1),
    ("length-of-stay", 1),
    (BY_DEPRIVATION, 1),
)
AVOIDED_MEANS: Final = (
    "arrests that would have happened without the programme less those that did, summed over the hospital-months in "
    "which it was embedded from the first day; expected: given the admissions; realised: as it was drawn"
)

_DAYS_TO_AS_OF: Final = 14


def write_demo_network(folder: Path, *, plan: SyntheticNetwork, progress: Progress) -> None:
    """Write the folder of an invented network with known truth, whole or not at all. The same plan, the same network.

    Args:
        folder: where to; it must not exist or be empty.
        plan: what is laid down, the seed included.
        progress: told of every site that is written.

    Raises:
        DefinitionError: if something is in the folder already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DefinitionError(f"{folder} is not empty, and nothing in it is overwritten; name a new folder")
    arrests = draw_arrests(plan)
    progress.step("Writing invented records", len(arrests.hospitals))

    def fill(partial: Path) -> None:
        for path, text in _definitions(arrests).items():
            write_file(partial / path, text.encode())
        for hospital in arrests.hospitals:
            records = partial / "sites" / hospital.site / "records"
            records.mkdir(parents=True)
            for name, table in site_tables(arrests, hospital=hospital.number).items():
                made = io.BytesIO()  # on a full disk Polars raises errors of its own
                table.write_parquet(made, compression="zstd", compression_level=1)
                (records / f"{name}.parquet").write_bytes(made.getvalue())
            progress.advance()

    write_folder(folder, fill)


def draw_adoptions(arrests: Arrests) -> tuple[AdoptionEvent, ...]:
    """Return when each hospital reached each stage. Those that never go live became aware late, and some planned."""
    plan = arrests.plan
    rng = plan.generator(Stream.ADOPTIONS)
    events = []
    waiting = 0
    for hospital in arrests.hospitals:
        before = rng.integers([200, 90, 30], [420, 151, 61])
        late = rng.integers([200, 20], [330, 120])
        if hospital.live is not None and hospital.embedded is not None:
            days = {
                Stage.AWARE: max(hospital.joined, hospital.live - timedelta(days=int(before[0]))),
                Stage.PLANNED: hospital.live - timedelta(days=int(before[1])),
                Stage.IN_PROGRESS: hospital.live - timedelta(days=int(before[2])),
                Stage.LIVE: hospital.live,
                Stage.EMBEDDED: hospital.embedded,
            }
        else:
            days = {Stage.AWARE: plan.last_day - timedelta(days=int(late[0]))}
            if waiting % 3:
                days[Stage.PLANNED] = plan.last_day - timedelta(days=int(late[1]))
            waiting += 1
        events += [
            AdoptionEvent(ods_code=hospital.ods_code, innovation=INNOVATION, stage=stage, day=day)
            for stage, day in days.items()
        ]
    return tuple(events)


def _definitions(arrests: Arrests) -> dict[str, str]:
    """Every text file of the network, by its path."""
    plan = arrests.plan
    round_id = f"{plan.last_day:%Y-%m}"
    pipeline = {f"{FOLDER}/{name}": text.decode() for name, text in pipeline_csvs(DEMO_PIPELINE).items()}
    return {
        **pipeline,
        "tracker.csv": _tracker(arrests),
        "network.yaml": _network_yaml(arrests.hospitals),
        "members.csv": _csv(
            ("ods_code", "name", "kind", "region", "joined", "left"),
            [(h.ods_code, h.name, "acute hospital", h.region, h.joined.isoformat(), "") for h in arrests.hospitals],
        ),
        "adoptions.csv": _csv(
            ("ods_code", "innovation", "stage", "date"),
            [(e.ods_code, e.innovation, e.stage.value, e.day.isoformat()) for e in draw_adoptions(arrests)],
        ),
        f"rounds/{round_id}.yaml": _round_yaml(plan, round_id),
        COSTS_FILE: costs_yaml(
            innovation=INNOVATION,
            outcome=OUTCOME,
            by_group=BY_DEPRIVATION,
            using=sum(hospital.embedded is not None for hospital in arrests.hospitals),
            hospitals=len(arrests.hospitals),
            day=(plan.last_day + timedelta(days=365)).isoformat(),
        ),
        "truth.json": json.dumps(truth(arrests), indent=2) + "\n",
        **{f"sites/{hospital.site}/site.yaml": _site_yaml(hospital) for hospital in arrests.hospitals},
        **{f"sites/{hospital.site}/{LOOK_UP}": look_up_csv(hospital) for hospital in arrests.hospitals},
    }


def _tracker(arrests: Arrests) -> str:
    """The programme's own tracker of what adoptions.csv says, as somebody keeps it: to try `rounds adoption import`."""
    reached: dict[str, dict[Stage, date]] = {}
    for event in draw_adoptions(arrests):
        reached.setdefault(event.ods_code, {})[event.stage] = event.day
    rows: list[tuple[str, ...]] = [("Deterioration programme: tracker", "", "", "", ""), ("", "", "", "", "")]
    rows.append(("Hospital", "Status", "Date agreed", "Go live", "Embedded"))
    for hospital in arrests.hospitals:
        days = reached.get(hospital.ods_code, {})
        name = hospital.name.replace("University Hospital", "Univ. Hosp").replace("General Hospital", "Gen Hosp")
        agreed, live, embedded = (days.get(stage) for stage in (Stage.PLANNED, Stage.LIVE, Stage.EMBEDDED))
        status = list(days)[-1].value.replace("_", " ") if days else "not started"
        rows.append(
            (
                name.replace(" Hospital", " Hosp"),
                status.capitalize(),
                f"{agreed:%b-%y}" if agreed else "TBC",
                f"{live:%d/%m/%Y}" if live else "TBC",
                _financial_quarter(embedded) if embedded else "",
            )
        )
    rows.append(("Total", "", "", str(sum(Stage.LIVE in days for days in reached.values())), ""))
    return _csv(rows[0], rows[1:])


def _financial_quarter(day: date) -> str:
    year = day.year if day.month >= 4 else day.year - 1
    return f"Q{(day.month - 4) % 12 // 3 + 1} {year % 100}/{(year + 1) % 100:02}"


def truth(arrests: Arrests) -> dict[str, object]:
    """Return what a round should find, as it stands in truth.json."""
    expected, realised = arrests.expected_avoided, arrests.realised_avoided
    shares = np.array([arrest_shares(draw_mix(arrests.plan, hospital)) for hospital in arrests.hospitals])
    return {
        "seed": arrests.plan.seed,
        "innovation": INNOVATION,
        "outcome": OUTCOME,
        "rate_ratio": arrests.plan.rate_ratio,
        "avoided_means": AVOIDED_MEANS,
        "expected_avoided": round(float(expected.sum()), 3),
        "realised_avoided": int(realised.sum()),
        "expected_avoided_by_deprivation": {
            level: round(float(expected.sum(axis=1) @ shares[:, at]), 3) for at, level in enumerate(LEVELS)
        },
        "treated_site_months": int(arrests.treated.sum()),
        "sites": [
            {
                "site": hospital.site,
                "ods_code": hospital.ods_code,
                "live": hospital.live.isoformat() if hospital.live else None,
                "embedded": hospital.embedded.isoformat() if hospital.embedded else None,
                "arrests_per_1000_without": round(hospital.arrests_per_1000, 4),
                "admissions": int(arrests.admissions[row].sum()),
                "arrests": int(arrests.events[row].sum()),
                "treated_months": int(arrests.treated[row].sum()),
                "expected_avoided": round(float(expected[row].sum()), 3),
                "realised_avoided": int(realised[row].sum()),
            }
            for row, hospital in enumerate(arrests.hospitals)
        ],
    }


def _network_yaml(hospitals: tuple[Hospital, ...]) -> str:
    sites = "".join(f"  - {{id: {hospital.site}, folder: sites/{hospital.site}}}\n" for hospital in hospitals)
    return (
        "# An invented network: no hospital, patient or event in it is real.\n"
        "id: demo\nname: Three Rivers demonstration network\n"
        f"sites:\n{sites}centre: {{folder: centre}}\nexchange: exchange\n"
    )


def _site_yaml(hospital: Hospital) -> str:
    return (
        f"# {hospital.name} (invented)\nsite: {hospital.site}\npolicy: hes\napproval: library\n"
        f"records: {{member: {hospital.ods_code}, folder: records, outside_observation: refuse}}\n"
    )


def _round_yaml(plan: SyntheticNetwork, round_id: str) -> str:
    measures = "".join(f"  - {{id: {measure}, version: {version}}}\n" for measure, version in MEASURES)
    return (
        f'id: "{round_id}"\ntitle: Deterioration programme, {plan.first_month:%B %Y} to {plan.last_day:%B %Y}\n'
        f"as_of: {plan.last_day + timedelta(days=_DAYS_TO_AS_OF)}\nfirst: {plan.first_month}\nlast: {plan.last_day}\n"
        f"measures:\n{measures}"
        f"programmes:\n  - innovation: {INNOVATION}\n    outcome: {OUTCOME}\n    stage: {Stage.EMBEDDED}\n"
        f"    improves: [{', '.join(IMPROVES)}]\n"
    )


def _csv(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
