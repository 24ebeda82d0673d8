"""The benefit ledger: patients reached and patients benefited, counted once, with totals that add up."""
