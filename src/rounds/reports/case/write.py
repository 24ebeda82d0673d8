"""Writes a document into a folder: a page to read and print, Word to edit, Excel with every number."""

from datetime import date
from pathlib import Path
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rounds.reports.case.word import word_of
from rounds.reports.charts.render import SvgCache
from rounds.reports.charts.theme import MOBILE, WEB
from rounds.reports.content.document import Document, Drawn, Tabled, Words
from rounds.reports.content.value_words import MINUS
from rounds.reports.content.wording import number
from rounds.reports.insight import Cell, Mark
from rounds.reports.policy import POLICY
from rounds.reports.workbook import Workbook

_REPORTS: Final = Path(__file__).resolve().parents[1]
PAGE, WORD, EXCEL = "index.html", "business-case.docx", "business-case.xlsx"
_TIE: Final = "\u2060"
"""Keeps a minus sign and the sum behind it on one line."""
MOST_ROWS: Final = 12
"""Of a table on the page and in Word; longer ones stand in the workbook, and the page has them folded."""
_SHORTHAND = (
    (str(Mark.WITHHELD), "Withheld to protect patients. It is not zero; the columns beside it give an interval."),
    (str(Mark.NOT_AVAILABLE), "Not available: nobody stated it, or it could not be worked out."),
    (str(Mark.NOT_APPLICABLE), "Not applicable."),
)


def write_case(folder: Path, *, document: Document, made_on: date) -> tuple[Path, ...]:
    """Write a document and return its files, the page first. The same document gives the same page and numbers.

    Args:
        folder: an existing, empty folder, which the caller swaps in when all is written.
        document: what to write.
        made_on: the day that stands in the files' properties.
    """
    drawn = SvgCache()
    (folder / PAGE).write_text(_page(document, drawn), encoding="utf-8", newline="\n")
    style = (_REPORTS / "pages" / "templates" / "style.css").read_text(encoding="utf-8")
    (folder / "style.css").write_text(style, encoding="utf-8", newline="\n")
    (folder / WORD).write_bytes(word_of(document, drawn, made_on=made_on, most_rows=MOST_ROWS, cell=shown))
    (folder / EXCEL).write_bytes(_workbook(document, made_on))
    return tuple(folder / name for name in (PAGE, WORD, EXCEL, "style.css"))


def shown(cell: Cell) -> str:
    """Return a cell as people read it."""
    match cell:
        case Mark() | str():
            return str(cell)
        case int() | float():
            return number(cell)
        case _:
            return f"{cell.day} {cell:%b %Y}"


def _page(document: Document, drawn: SvgCache) -> str:
    environment = Environment(
        loader=PackageLoader("rounds.reports.case"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def chart(block: Drawn, *, mobile: bool) -> Markup:
        profile = MOBILE if mobile else WEB
        key = f"{block.key}-{profile.name}"
        return drawn.svg(block.spec, profile, key=key, name=block.title, description=block.alt_text)

    def kind(block: object) -> str:
        return {Words: "words", Tabled: "table", Drawn: "chart"}[type(block)]

    environment.filters["cell"] = shown
    environment.filters["tied"] = lambda text: text.replace(MINUS, f"{MINUS}{_TIE}")
    environment.tests["number"] = lambda cell: isinstance(cell, int | float)
    environment.globals |= {"chart": chart, "kind": kind, "policy": POLICY, "most": MOST_ROWS}
    downloads = ((WORD, "Word document to edit"), (EXCEL, "Excel workbook of every number"))
    return environment.get_template("case.html").render(document=document, downloads=downloads)


def _workbook(document: Document, made_on: date) -> bytes:
    book = Workbook(document.title, made_on=made_on)
    facts = (("In a sentence", document.statement), ("About", document.about), *document.facts)
    words = [
        (section.heading, item)
        for section in document.sections
        for block in section.blocks
        if isinstance(block, Words)
        for item in block.items
    ]
    book.text_sheet("cover", document.title, [*facts, ("Source", document.foot), *_SHORTHAND], widths=(34, 110))
    book.text_sheet("words", "What the case says", words, widths=(34, 110))
    for block in document.tables:
        says = f"{block.source} {len(block.table.rows)} rows."
        book.table_sheet(block.name, block.caption, says, columns=block.table.columns, rows=list(block.table.rows))
    return book.finished()
