"""How adoption goes on: curves through time, their fit to dates known between bounds; forecasts."""
