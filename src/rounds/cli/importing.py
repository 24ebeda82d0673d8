"""`rounds site import`: a site's data in, whole or not at all."""

from pathlib import Path
from typing import Annotated

import typer

from rounds.cli.centre import Today, day_of
from rounds.cli.terminal import terminal_of

SiteFolder = Annotated[Path, typer.Argument(help="The site's folder, the one that holds site.yaml.")]


def import_records(  # noqa: PLR0913, PLR0917 - one option for each thing a person can say
    context: typer.Context,
    folder: SiteFolder,
    omop: Annotated[
        Path | None, typer.Option("--omop", help="OMOP CDM: a folder of CSV, TSV or Parquet files, or a DuckDB file.")
    ] = None,
    postgres: Annotated[
        str | None, typer.Option("--postgres", help="OMOP CDM in PostgreSQL: how to connect, such as service=omop.")
    ] = None,
    fhir: Annotated[
        Path | None, typer.Option("--fhir", help="FHIR R4: a folder of bulk NDJSON (plain or .gz) or of Bundles.")
    ] = None,
    extracts: Annotated[
        Path | None, typer.Option("--extracts", help="Plain extracts: a column map such as imports/hospital.yaml.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help="Where the files of a column map lie, if not beside it.")
    ] = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option("--vocabulary", help="A folder with concept and concept_relationship; else those served now."),
    ] = None,
    code_map: Annotated[
        Path | None,
        typer.Option("--code-map", help="A CSV of source_system, source_code, concept_id; it goes before all else."),
    ] = None,
    schema: Annotated[
        str | None, typer.Option("--schema", help="The schema of the CDM, where a database has several.")
    ] = None,
    add: Annotated[
        bool,
        typer.Option("--add", help="Add to what is served, such as a month's new rows, instead of taking its place."),
    ] = False,
    memory: Annotated[str, typer.Option("--memory", help="How much memory the import may use.")] = "2GB",
    today: Today = None,
) -> None:
    """Import records: OMOP tables, FHIR or plain extracts. What was there is served until the new is checked.

    With `--add` OMOP tables of what is new, such as last month's, come to what is there; a row whose id is there
    already takes that row's place. What was deleted in the source only a whole import can tell.

    If anything is wrong the import is refused as a whole and yesterday's records stay. The report lies beside the
    tables and never leaves the site.

    [bold]Examples[/bold]

    rounds site import sites/hospital-01 --omop export/

    rounds site import sites/hospital-01 --omop new-month/ --add

    rounds site import sites/hospital-01 --fhir bulk/ --vocabulary athena/ --code-map local-codes.csv

    rounds site import sites/hospital-01 --extracts sites/hospital-01/imports/hospital.yaml --data extracts/
    """
    from rounds.records.importing.build import CodeSources
    from rounds.site.folder import read_site
    from rounds.site.importing import ImportRequest
    from rounds.site.importing import import_records as import_into

    request = ImportRequest(
        omop=omop,
        postgres=postgres,
        fhir=fhir,
        extracts=extracts,
        data=data,
        codes=CodeSources(vocabulary=vocabulary, code_map=code_map),
        schema=schema,
        memory=memory,
        add=add,
    )
    terminal = terminal_of(context)
    site = read_site(folder)
    with terminal.bars() as bars:
        report = import_into(site, request, today=day_of(today), progress=bars)
    terminal.result(
        {
            "site": report.site,
            "source": report.source,
            "rows": dict(report.rows),
            "outcomes": [[item.origin, item.outcome, item.number] for item in report.outcomes],
            "unmapped_codes": len(report.unmapped),
            "unmapped_rows": report.unmapped_rows,
            "findings": [str(finding) for finding in report.findings],
            "notes": list(report.notes),
        },
        text=report.summary(),
    )
