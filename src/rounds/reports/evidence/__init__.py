"""An installation held against a standard: what is met and by which test, what was found, what is to be filled in."""
