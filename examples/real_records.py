"""Make a network of real OMOP samples: the Eunomia GiBleed sample in five parts, and a Synthea sample as a sixth site.

    python examples/real_records.py --gibleed FOLDER --synthea FOLDER OUT

Both folders hold one Parquet file for each OMOP table. The rule that splits the first: a person belongs to part

    int(sha256(str(person_id)).hexdigest()[:8], 16) % 5 + 1

which depends on nothing but the id, so that it is the same on every machine and for every table. Rows of a table go
where their person goes, also those whose person is in no `person` table; the vocabulary is copied to every part.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

import polars as pl

from rounds.errors import DefinitionError, RoundsError
from rounds.records.quality import has_person
from rounds.records.tables import TABLES
from rounds.storage.atomic import write_file, write_folder

PARTS: Final = 5
GIBLEED_SITES: Final = tuple(f"gibleed-{part}" for part in range(1, PARTS + 1))
SYNTHEA_SITE: Final = "synthea"
BROKEN_IN_SYNTHEA: Final = "device_exposure"
SITES: Final = (*GIBLEED_SITES, SYNTHEA_SITE)

EVER_ROUND: Final = "celecoxib-ever"
EVER: Final = {"celecoxib-ever": GIBLEED_SITES, "celecoxib-over-40-ever": GIBLEED_SITES}
YEARLY_ROUND: Final = "years-1999-2018"
YEARLY: Final = {
    "acute-bronchitis": SITES,
    "viral-sinusitis": SITES,
    "viral-pharyngitis": SITES,
    "paracetamol-users": SITES,
    "people-admitted": SITES,
    # The Synthea sample has none of these drugs and no bleeding in its vocabulary.
    "celecoxib-new-users": GIBLEED_SITES,
    "diclofenac-new-users": GIBLEED_SITES,
    "gi-haemorrhage": GIBLEED_SITES,
    # Nobody in the other sample is under 18 after 2003.
    "otitis-media": (SYNTHEA_SITE,),
}


def part_of(person_id: int) -> int:
    """Return the part, 1 to 5, that a person belongs to."""
    return int(hashlib.sha256(str(person_id).encode()).hexdigest()[:8], 16) % PARTS + 1


def prepare(gibleed: Path, synthea: Path, out: Path) -> None:
    """Write the network's folder, whole or not at all.

    Raises:
        DefinitionError: if a sample is not there, or something is in the folder already.
    """
    for folder in (gibleed, synthea):
        if not (folder / "person.parquet").exists():
            raise DefinitionError(f"{folder} holds no person.parquet; name the folder with the sample's OMOP tables")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DefinitionError(f"{out} is not empty, and nothing in it is overwritten; name a new folder")

    def fill(partial: Path) -> None:
        for path, text in definitions().items():
            write_file(partial / path, text.encode())
        folders = {site: partial / "sites" / site / "records" for site in SITES}
        for folder in folders.values():
            folder.mkdir()
        for name in TABLES:
            if (gibleed / f"{name}.parquet").exists():
                _split(gibleed / f"{name}.parquet", [folders[site] for site in GIBLEED_SITES])
            if name != BROKEN_IN_SYNTHEA and (synthea / f"{name}.parquet").exists():
                shutil.copyfile(synthea / f"{name}.parquet", folders[SYNTHEA_SITE] / f"{name}.parquet")

    write_folder(out, fill)


def _split(path: Path, folders: list[Path]) -> None:
    if not has_person(TABLES[path.stem]):  # every part needs the vocabulary and the places
        for folder in folders:
            shutil.copyfile(path, folder / path.name)
        return
    table = pl.read_parquet(path)
    people = table["person_id"].unique().to_list()
    part = table["person_id"].replace_strict(people, [part_of(person) for person in people], return_dtype=pl.Int64)
    for number, folder in enumerate(folders, start=1):
        table.filter(part == number).write_parquet(folder / path.name)


def definitions() -> dict[str, str]:
    """Return every text file of the network, by its path. Codes are invented: ODS knows none that begins with ZZ."""
    sites = "".join(f"  - {{id: {site}, folder: sites/{site}}}\n" for site in SITES)
    members = "".join(
        f"ZZ{100 + number},{name},sample,{region},1900-01-01,\n"
        for number, (name, region) in enumerate(
            [(f"GiBleed sample part {part}", "GiBleed") for part in range(1, PARTS + 1)]
            + [("Synthea sample", "Synthea")],
            start=1,
        )
    )
    return {
        "network.yaml": f"id: real-records\nname: Two public OMOP samples\nsites:\n{sites}"
        "centre: {folder: centre}\nexchange: exchange\n",
        "members.csv": "ods_code,name,kind,region,joined,left\n" + members,
        "adoptions.csv": "ods_code,innovation,stage,date\n",
        f"rounds/{EVER_ROUND}.yaml": _round_yaml(
            EVER_ROUND, "Who ever had celecoxib", ("1900-01-01", "2019-12-31"), EVER
        ),
        f"rounds/{YEARLY_ROUND}.yaml": _round_yaml(
            YEARLY_ROUND, "Twenty years of care in two samples", ("1999-01-01", "2018-12-31"), YEARLY
        ),
        # Both samples have rows outside observation, which each measure's own rule deals with.
        **{
            f"sites/{site}/site.yaml": f"site: {site}\npolicy: hes\n"
            f"records: {{member: ZZ{100 + number}, folder: records, outside_observation: exclude}}\n"
            for number, site in enumerate(SITES, start=1)
        },
    }


def _round_yaml(round_id: str, title: str, days: tuple[str, str], measures: dict[str, tuple[str, ...]]) -> str:
    asked = "".join(
        f"  - {{id: {measure}, version: 1" + (f", sites: [{', '.join(sites)}]" if sites != SITES else "") + "}\n"
        for measure, sites in measures.items()
    )
    return f"id: {round_id}\ntitle: {title}\nas_of: 2019-12-31\nfirst: {days[0]}\nlast: {days[1]}\nmeasures:\n{asked}"


def main() -> int:
    """Prepare the network and say what to do next."""
    parser = argparse.ArgumentParser(description="Make a network of two public OMOP samples.")
    parser.add_argument("--gibleed", type=Path, required=True, help="folder of the GiBleed sample's Parquet files")
    parser.add_argument("--synthea", type=Path, required=True, help="folder of the Synthea sample's Parquet files")
    parser.add_argument("out", type=Path, metavar="OUT", help="the network's folder to make")
    given = parser.parse_args()
    try:
        prepare(given.gibleed, given.synthea, given.out)
    except RoundsError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    sys.stdout.write(f"The network lies in {given.out}. Now run its two rounds:\n\n    rounds run {given.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
