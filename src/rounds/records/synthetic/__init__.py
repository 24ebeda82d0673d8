"""Invented networks whose truth is known: what a round must find again."""

from rounds.records.synthetic.arrests import Arrests, draw_arrests
from rounds.records.synthetic.network import write_demo_network
from rounds.records.synthetic.plan import SyntheticNetwork

__all__ = ["Arrests", "SyntheticNetwork", "draw_arrests", "write_demo_network"]
