"""Groups of people against each other: gaps, gradients, concentration, need and use, and what to look at first."""
