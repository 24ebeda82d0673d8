"""How adoption goes on: curves through time, their fit to dates known between bounds, forecasts and how well they do."""
