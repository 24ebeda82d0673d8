"""Static, accessible pages: one for each audience, measure and organisation."""

from rounds.reports.pages.write import write_pages

__all__ = ["write_pages"]
