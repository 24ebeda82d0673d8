"""Case-mix models fitted across sites from sums: no record leaves, and the fit is that of all records together."""
