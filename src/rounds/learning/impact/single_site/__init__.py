"""One site's rate before and after a change: interrupted time series, with and without sites to compare with."""
