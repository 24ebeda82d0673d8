"""The quality of one site's records, for its own data manager: a page, a workbook and JSON. It stays at the site."""
