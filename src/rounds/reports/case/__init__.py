"""A business case as files: a page, a Word document, and a workbook with every number."""
