"""Counts that are known only between bounds: their likelihood, rates by site and period, and what totals they make."""
