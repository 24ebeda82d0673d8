"""One panel for "did it work": several estimators side by side, and whether they agree."""
