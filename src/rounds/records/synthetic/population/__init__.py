"""A synthetic population of any size, in OMOP tables, with its truth beside it."""

from rounds.records.synthetic.population.plan import Flaws, Population
from rounds.records.synthetic.population.presets import PRESETS, Preset
from rounds.records.synthetic.population.write import Outcome, records_folder, write_population

__all__ = ["PRESETS", "Flaws", "Outcome", "Population", "Preset", "records_folder", "write_population"]
