"""One organisation against its own past: control charts, their rules, and how often these cry wolf.

`asked` draws a chart by the name of its kind, `bulk` XmR charts of very many series, `xmr` one of them; `chart` is what
comes out, `drawing` how it is put together and read, `rebasing` what limits rest on. Lines come from `individuals`,
`attributes`, `rare_events`, `subgroups` and `cumulative`; rules from `rules`, `rule_sets` and `runs`; what is withheld
from `withheld` and `counted`. `risk_adjusted` is of patients who differ, `dependence` of series that resemble
themselves, `discovery` of many series at once. `steady` and `false_alarms` say how often each chart flags what does not
change.
"""
