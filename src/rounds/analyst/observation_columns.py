"""Which column of a table of observations is what: named by the analyst, or guessed from its name, and always said."""

from dataclasses import dataclass, fields, replace
from typing import Final

from rounds.analyst.columns import Guess
from rounds.analyst.frames import Table, TableError
from rounds.analyst.names import rank, words
from rounds.storage.suggestions import nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationColumns:
    """Which column holds what; None where there is none, or where it is to be guessed."""

    respiratory_rate: str | None = None
    saturation: str | None = None
    oxygen: str | None = None
    systolic: str | None = None
    pulse: str | None = None
    consciousness: str | None = None
    temperature: str | None = None
    time: str | None = None
    """when the set was taken"""
    stay: str | None = None
    patient: str | None = None
    """who it is of, where one patient may have several stays"""
    ward: str | None = None
    scale_2: str | None = None
    """whether saturation is scored by scale 2, as a clinician decided"""
    stay_end: str | None = None
    event: str | None = None
    """when what is foretold came about"""

    @property
    def named(self) -> tuple[str, ...]:
        return tuple(name for name in (getattr(self, role.name) for role in fields(self)) if name is not None)


_HINTS: Final[dict[str, tuple[str, ...]]] = {
    "scale_2": ("spo2_scale_2", "scale_2", "scale2", "spo2_scale", "hypercapnic"),
    "saturation": ("spo2", "sp_o2", "saturation", "sats", "sat", "oximetry", "sao2"),
    "oxygen": ("oxygen", "supplemental", "air_or_oxygen", "o2", "fio2", "flow"),
    "respiratory_rate": ("respiratory_rate", "resp_rate", "respiration", "respirations", "respiratory", "resp", "rr"),
    "systolic": ("systolic", "sbp", "sys_bp", "nibp_sys", "sys"),
    "pulse": ("pulse", "heart_rate", "heartrate", "hr"),
    "consciousness": ("acvpu", "avpu", "consciousness", "conscious", "loc", "gcs", "glasgow"),
    "temperature": ("temperature", "temp"),
    "event": ("event", "event_time", "death", "died", "deathtime", "dod", "arrest", "outcome"),
    "stay_end": ("stay_end", "discharge", "discharged", "dischtime", "outtime", "end"),
    "ward": ("ward", "careunit", "care_unit", "location", "unit", "department"),
    "time": ("observation_time", "obs_time", "charttime", "taken", "recorded", "observed", "datetime", "time", "date"),
    "stay": ("stay", "spell", "admission", "hadm", "encounter", "visit", "episode"),
    "patient": ("patient", "person", "subject", "nhs_number", "mrn"),
}
"""In this order: a column called after two of them is the first."""
_NOT: Final[dict[str, tuple[str, ...]]] = {
    "time": ("admission", "admit", "intime", "birth", "dob", "start", "begin"),
    "stay": ("time", "date", "type", "reason", "method", "age", "source", "intime", "length", "los", "days"),
    "patient": ("age", "sex", "gender", "birth", "type", "class", "name"),
    "ward": ("temp", "rate", "pressure", "of"),
    "pulse": ("pressure",),
    "event": ("type", "id", "name"),
}
"""Names that say what a column is not, whatever else they say."""
VITAL_SIGNS: Final = (
    "respiratory_rate",
    "saturation",
    "oxygen",
    "systolic",
    "pulse",
    "consciousness",
    "temperature",
)
_REQUIRED: Final = (*VITAL_SIGNS, "time")


def observation_columns(
    table: Table, given: ObservationColumns, *, event_elsewhere: bool
) -> tuple[ObservationColumns, tuple[Guess, ...]]:
    """Return which column holds what, and what of it was guessed.

    Args:
        table: one row a set of observations.
        given: columns that the analyst named; the rest is guessed from names.
        event_elsewhere: whether events stand in another table, so that none is looked for here.

    Raises:
        TableError: if a named column is not there, a guess would be one of several, or something needed is not found.
    """
    names = table.frame.columns
    for name in given.named:
        if name not in names:
            raise TableError(f"{table.name}: there is no column {name}{nearest(name, names)}")
    found, guesses = given, []
    for role in _HINTS:
        if getattr(given, role) is not None or (role == "event" and event_elsewhere):
            continue
        chosen = guessed(table, role, [name for name in names if name not in found.named])
        if chosen is not None:
            found = replace(found, **{role: chosen})
            guesses.append(Guess(role=spoken(role), column=chosen, because="its name"))
    if found.stay is None and found.patient is not None:
        found = replace(found, stay=found.patient)
    lacking = [role for role in _REQUIRED if getattr(found, role) is None]
    lacking += ["stay"] if found.stay is None else []
    if lacking:
        options = ", ".join(option(role) for role in lacking)
        raise TableError(
            f"{table.name}: no column is called after {' or '.join(map(spoken, lacking))} ({', '.join(names)}); name "
            f"it with {options}. A sign that was never recorded is a column of empty cells"
        )
    return found, tuple(guesses)


def guessed(table: Table, role: str, names: list[str]) -> str | None:
    """Return the column whose name says a role best; None if none does.

    Raises:
        TableError: if two say it equally well.
    """
    hints = _HINTS[role]
    ranked = [(place, name) for name in names if (place := rank(name, hints)) is not None]
    ranked = [(place, name) for place, name in ranked if rank(name, _NOT.get(role, ())) is None]
    if not ranked:
        return None
    first = min(place for place, _ in ranked)
    also = [name for place, name in ranked if place == first]
    exact = [name for name in also if "_".join(words(name)) == hints[first]]
    if len(also) > 1 and len(exact) != 1:
        raise TableError(
            f"{table.name}: {spoken(role)} could be {' or '.join(also)}; say which with {option(role)} COLUMN"
        )
    return exact[0] if exact else also[0]


def spoken(role: str) -> str:
    """Return what people call a role."""
    return {"scale_2": "SpO2 scale 2", "saturation": "SpO2", "stay_end": "end of stay"}.get(
        role, role.replace("_", " ")
    )


def option(role: str) -> str:
    """Return the option that names a role's column."""
    return f"--{role.replace('_', '-')}"
