"""The gate: before anything deterministic leaves, an attacker tries, and what would tell too much is withheld too."""
