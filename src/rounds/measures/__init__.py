"""The declared question: measures, code lists, periods and strata. Data, never code."""
