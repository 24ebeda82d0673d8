"""One person is erased from everything a site keeps, and the log proves it to whoever brings the identifier."""

import shutil
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from opted_out_site import NUMBERS, PEOPLE, Silent, write_hospital, write_list_of

from rounds.errors import DefinitionError, RecordsError
from rounds.exchange.question import Question
from rounds.records.importing.identities import give_numbers
from rounds.records.importing.session import Job, working
from rounds.records.opt_outs.kept import read_kept
from rounds.site.answer import count
from rounds.site.erasure import Identifier, erase, proof_of_erasure, read_identifier
from rounds.site.folder import Site, read_site
from rounds.site.importing import ImportRequest, import_records
from rounds.site.opt_outs import request_opt_outs, take_opt_outs
from rounds.storage.audit_log import read_log

TODAY = date(2026, 7, 1)
WHO = 12
BY_ID = Identifier(kind="person_id", number=WHO)
BY_NUMBER = Identifier(kind="nhs_number", number=NUMBERS[WHO])


@pytest.fixture
def site(tmp_path: Path, built: Path) -> Site:
    """Return a hospital that has imported twice, asked about its people and counted."""
    return read_site(Path(shutil.copytree(built, tmp_path / "hospital")))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("built")
    site = write_hospital(tmp_path / "hospital")
    export = site.folder / "records"
    export = export.rename(tmp_path / "export")
    person = pl.read_parquet(export / "person.parquet")
    person.with_columns(location_id=pl.when(pl.col("person_id") == WHO).then(7_001).otherwise(7_002)).write_parquet(
        export / "person.parquet"
    )
    pl.DataFrame({"location_id": [7_001, 7_002], "zip": ["SECRET", "SHARED"]}).write_parquet(
        export / "location.parquet"
    )
    for _ in range(2):
        import_records(site, ImportRequest(omop=export), today=TODAY, progress=Silent())
    request_opt_outs(site, out=None, today=TODAY, progress=Silent())
    take_opt_outs(
        site,
        write_list_of(tmp_path / "answer.dat", range(1, PEOPLE)),
        made_on=None,
        today=date(2026, 7, 2),
        progress=Silent(),
    )
    question = Question(
        first=date(2024, 1, 1),
        last=date(2024, 3, 31),
        as_of=date(2024, 4, 1),
        measures=(site.library.measure("in-hospital-deaths", 1).ref,),
        members=("ZZ1",),
    )
    count(site, question, today=date(2026, 7, 2), progress=lambda _: None)
    assert (site.folder / "remembered" / "counts.sqlite").exists()
    return site.folder


def generation(site: Site) -> Path:
    return site.folder / "records" / (site.folder / "records" / "CURRENT").read_text().strip()


def everything(site: Site) -> bytes:
    """Return every byte that the site keeps, tables written out as JSON."""
    said = [path.read_bytes() for path in site.folder.rglob("*") if path.is_file()]
    frames = [pl.read_parquet(path) for path in site.folder.rglob("*.parquet")]
    return b"\n".join(said + [frame.write_json().encode() for frame in frames])


@pytest.mark.parametrize("who", [BY_ID, BY_NUMBER])
def test_nothing_is_left_of_them_and_all_of_the_others(site: Site, who: Identifier) -> None:
    before = {path.name: pl.read_parquet(path) for path in generation(site).glob("*.parquet")}
    assert str(NUMBERS[WHO]).encode() in everything(site)
    done = erase(site, who, today=TODAY, progress=Silent())
    after = {path.name: pl.read_parquet(path) for path in generation(site).glob("*.parquet")}
    assert done.rows == 5  # person, observation, visit, death, and the address
    assert after.keys() == before.keys()
    for name, frame in before.items():
        left = frame.filter(pl.col("person_id") != WHO) if "person_id" in frame.columns else frame
        if name == "location.parquet":
            left = left.filter(pl.col("zip") != "SECRET")
        assert after[name].equals(left), name
    kept = everything(site)
    assert str(NUMBERS[WHO]).encode() not in kept
    assert np.int64(NUMBERS[WHO]).tobytes() not in kept
    assert b"SECRET" not in kept
    assert [path.name for path in (site.folder / "records").glob("generation-*")] == ["generation-0003"]
    assert not (site.folder / "remembered").exists()
    asked = read_kept(site.opt_outs_folder / "asked.list")
    assert asked is not None
    assert len(asked.numbers) == PEOPLE - 1


def test_tables_of_several_files_are_no_different(site: Site) -> None:
    served = generation(site)
    for name in ("location", "person", "death"):
        frame = pl.read_parquet(served / f"{name}.parquet")
        (served / f"{name}.parquet").unlink()
        (served / name).mkdir()
        for number, some in enumerate((frame[:1], frame[1:])):
            some.write_parquet(served / name / f"part-{number}.parquet")
    made = (served / "import.json").read_text()
    for name in ("location", "person", "death"):
        made = made.replace(f'"{name}.parquet"', f'"{name}/part-0.parquet", "{name}/part-1.parquet"')
    (served / "import.json").write_text(made)
    done = erase(site, BY_ID, today=TODAY, progress=Silent())
    assert done.rows == 5
    kept = everything(site)
    assert np.int64(NUMBERS[WHO]).tobytes() not in kept
    assert b"SECRET" not in kept


def test_the_log_proves_it_and_does_not_say_who(site: Site) -> None:
    assert proof_of_erasure(site, BY_NUMBER) == ()
    erase(site, BY_ID, today=TODAY, progress=Silent())
    assert proof_of_erasure(site, BY_NUMBER) == (TODAY,)
    assert proof_of_erasure(site, BY_ID) == (TODAY,)
    assert proof_of_erasure(site, Identifier(kind="person_id", number=13)) == ()
    said = [entry.event for entry in read_log(site.ledger_path) if entry.event.action == "erased"]
    assert [event.round_id for event in said] == ["generation-0003", "generation-0003"]
    assert all(len(event.digest) == 64 and str(WHO) != event.digest for event in said)
    (site.folder / "keys" / "proofs.key").unlink()  # without the key nobody can try identifiers out
    assert proof_of_erasure(site, BY_ID) == ()


def test_nobody_is_refused(site: Site) -> None:
    for who in (Identifier(kind="person_id", number=4711), Identifier(kind="nhs_number", number=9_434_765_919)):
        with pytest.raises(RecordsError, match="nobody has this identifier") as refused:
            erase(site, who, today=TODAY, progress=Silent())
        assert str(who.number) not in str(refused.value)
    assert generation(site).name == "generation-0002"


def test_killed_at_any_point_it_can_be_run_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    for at in ("rounds.records.importing.erase.remove_other_generations", "rounds.site.erasure.record",
               "rounds.site.erasure._forget"):  # fmt: skip
        with monkeypatch.context() as during:
            during.setattr(at, die)
            with pytest.raises(Killed):
                erase(site, BY_ID, today=TODAY, progress=Silent())
    done = erase(site, BY_ID, today=TODAY, progress=Silent())
    assert done.rows == 0
    assert proof_of_erasure(site, BY_NUMBER) == (TODAY,)
    assert str(NUMBERS[WHO]).encode() not in everything(site)
    assert len(list((site.folder / "records").glob("generation-*"))) == 1


def test_records_that_must_not_be_served_are_not(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RecordsError("too few people")

    monkeypatch.setattr("rounds.site.erasure.open_records", refuse)
    with pytest.raises(RecordsError, match="too few people"):
        erase(site, BY_ID, today=TODAY, progress=Silent())
    assert generation(site).name == "generation-0002"
    assert proof_of_erasure(site, BY_ID) == ()


def test_a_number_is_not_given_again(tmp_path: Path, site: Site) -> None:
    """Of somebody who was known by a word of the source's the word goes, and their number stays with nobody."""
    records = site.folder / "records"
    job = Job(site="hospital", records=records, today=TODAY, progress=Silent(), check=lambda _: None)

    def number(*ids: str) -> dict[str, int]:
        scratch = tmp_path / "-".join(("scratch", *ids))
        scratch.mkdir()
        with working(scratch, job) as session:
            wanted = " UNION ALL ".join(f"SELECT '{one}' AS source_id" for one in ids)
            give_numbers(session, records, kind="person", wanted=wanted)
            return dict(session.query("SELECT source_id, number FROM identity_person"))  # type: ignore[arg-type]

    ids = [f"P{n:02d}" for n in range(1, WHO + 1)]
    assert number(*ids)["P12"] == WHO
    erase(site, BY_ID, today=TODAY, progress=Silent())
    assert b"P12" not in everything(site)
    assert number("P12", "P99") | {} == {**{one: at for at, one in enumerate(ids[:-1], 1)},
                                         "erased:12": 12, "P12": 13, "P99": 14}  # fmt: skip


FILES = {
    "person_id: 17\n": "person_id",
    "nhs_number: 943 476 5919": "nhs_number",
}


@pytest.mark.parametrize("content", FILES)
def test_the_identifier_stands_in_a_file(tmp_path: Path, content: str) -> None:
    path = tmp_path / "who.txt"
    path.write_text(content)
    who = read_identifier(path)
    assert who.kind == FILES[content]
    assert who.number in {17, 9_434_765_919}
    assert "17" not in repr(who)
    assert "943" not in repr(who)


@pytest.mark.parametrize(
    "content",
    [b"", b"17", b"person_id: seventeen", b"person_id: 17\nperson_id: 18\n", b"nhs_number: 9434765918", b"name: Smith",
     b"\xff\xfe", b"x" * 5000, b"person_id: 99999999999999999999"],
)  # fmt: skip
def test_anything_else_is_refused_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "who.txt"
    path.write_bytes(content)
    with pytest.raises(RecordsError, match=r"who\.txt") as refused:
        read_identifier(path)
    said = str(refused.value).removeprefix(str(path)).replace("person_id: 17", "").replace("943 476 5919", "")
    assert not any(word in said for word in ("seventeen", "9434765918", "Smith", "18", "9999"))
    with pytest.raises(RecordsError, match="cannot be read"):
        read_identifier(tmp_path / "nowhere")


def test_files_of_others_are_not_changed(tmp_path: Path) -> None:
    site = write_hospital(tmp_path / "hospital")
    with pytest.raises(RecordsError, match="were not imported by `rounds site import`"):
        erase(site, BY_ID, today=TODAY, progress=Silent())
    (site.folder / "site.yaml").write_text("site: h\npolicy: hes\nrecords: {member: Z, postgres: {schema: s}}\n")
    with pytest.raises(DefinitionError, match="holds no imported records"):
        erase(read_site(site.folder), BY_ID, today=TODAY, progress=Silent())
