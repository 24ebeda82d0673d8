"""A document as Word opens and people edit it."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any, Final

import docx
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt, RGBColor

from rounds.reports.charts.render import SvgCache, png_of
from rounds.reports.charts.theme import PRINT
from rounds.reports.content.document import Document, Drawn, Tabled, Words
from rounds.reports.insight import Cell

_INK: Final = RGBColor(0x21, 0x2B, 0x32)
_GREY: Final = RGBColor(0x4C, 0x62, 0x72)
_PALE: Final = "E8EDEE"
_WIDTH: Final = Cm(17)
_LONGEST_WORD: Final = 14
_LONG_TEXT: Final = 60
_MANY_COLUMNS: Final = 8
"""From here on letters are smaller, so that words stay whole."""
_NUMBER: Final = re.compile(r"[-+\u2212]?[0-9][0-9,.]*|\[[cxz]\]")


def word_of(
    document: Document, drawn: SvgCache, *, made_on: date, most_rows: int, cell: Callable[[Cell], str]
) -> bytes:
    """Return a document as a .docx file: headings, lists, tables with heading rows, pictures with alternative text.

    Args:
        document: what to write.
        drawn: charts drawn so far.
        made_on: the day that stands in its properties.
        most_rows: longer tables are left to the workbook.
        cell: how a cell is written.
    """
    made: Any = docx.Document()
    _lay_out(made, document, made_on)
    made.add_heading(document.title, level=0)
    made.add_paragraph(document.about)
    lead = made.add_paragraph()
    lead.add_run(document.statement).bold = True
    _table(made, ("What", "Number"), [(name, text) for name, text in document.facts])
    for section in document.sections:
        made.add_heading(section.heading, level=1)
        for block in section.blocks:
            match block:
                case Words():
                    for item in block.items:
                        made.add_paragraph(item, style="List Bullet" if block.listed else None)
                case Drawn():
                    svg = drawn.svg(block.spec, PRINT, key=block.key, name=block.title, description=block.alt_text)
                    picture = made.add_picture(BytesIO(png_of(str(svg))), width=_WIDTH)
                    picture._inline.docPr.set("descr", block.alt_text)
                case Tabled():
                    _small(made.add_paragraph(), block.caption, bold=True)
                    if len(block.table.rows) > most_rows:
                        where = f"sheet {block.name} of the workbook"
                        _small(made.add_paragraph(), f"{len(block.table.rows)} rows: see {where}.")
                    else:
                        rows = [tuple(cell(one) for one in row) for row in block.table.rows]
                        _table(made, block.table.columns, rows)
                    _small(made.add_paragraph(), f"Source: {block.source}")
    _small(made.sections[0].footer.paragraphs[0], document.foot)
    written = BytesIO()
    made.save(written)
    return written.getvalue()


def _lay_out(made: Any, document: Document, made_on: date) -> None:
    page = made.sections[0]
    page.orientation, page.page_width, page.page_height = WD_ORIENT.PORTRAIT, Cm(21), Cm(29.7)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Cm(2)
    for name, size in (("Normal", 11), ("Title", 22), ("Heading 1", 15)):
        style = made.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = "Arial", Pt(size), _INK
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for kind in ("w:asciiTheme", "w:hAnsiTheme", "w:eastAsiaTheme", "w:cstheme"):
            fonts.attrib.pop(qn(kind), None)
    moment = datetime.combine(made_on, datetime.min.time(), tzinfo=UTC)
    properties = made.core_properties
    properties.title, properties.author, properties.language = document.title, "Rounds", "en-GB"
    properties.created = properties.modified = moment


def _small(paragraph: Any, text: str, *, bold: bool = False) -> None:
    run = paragraph.add_run(text)
    run.font.size, run.font.color.rgb, run.bold = Pt(9), _GREY, bold


def _table(made: Any, columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Add a table whose first row is repeated on every page and known as its heading."""
    table = made.add_table(rows=1, cols=len(columns), style="Table Grid")
    table.autofit = False
    widths = _widths(columns, rows)
    size = Pt(8.5 if len(columns) < _MANY_COLUMNS else 7.5)
    for at, name in enumerate(columns):
        _fill(table.rows[0].cells[at], name, size, bold=True)
        _shade(table.rows[0].cells[at])
    heading = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(heading)
    for row in rows:
        added = table.add_row()
        added._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for at, text in enumerate(row):
            _fill(added.cells[at], text, size, bold=at == 0)
            if at and _NUMBER.fullmatch(text):
                added.cells[at].paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
        for cell in column.cells:
            cell.width = width
    made.add_paragraph()


def _widths(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[int]:
    """Return the width of each column: its longest word whole where that can be, more where texts are long."""
    wanted = []
    for at, name in enumerate(columns):
        texts = [name, *(row[at] for row in rows)]
        word = max(len(part) for text in texts for part in text.split() or [""])
        wanted.append(min(word, _LONGEST_WORD) + 3 + min(max(map(len, texts)), _LONG_TEXT) / 6)
    return [int(_WIDTH * one / sum(wanted)) for one in wanted]


def _shade(cell: Any) -> None:
    shading = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", _PALE)):
        shading.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shading)


def _fill(cell: Any, text: str, size: Pt, *, bold: bool) -> None:
    cell.text = text
    for run in cell.paragraphs[0].runs:
        run.font.size, run.bold = size, bold
