"""The text files that make a synthetic population a network: its sites can answer a round as they are."""

from datetime import date
from typing import Final

from rounds.records.synthetic.population.plan import LAST_DAY, Population

MEASURES: Final = (("cardiac-arrests", 1), ("in-hospital-deaths", 1), ("observations-on-admission", 1))
ROUND: Final = "2024"
_FIRST: Final = date(2023, 1, 1)
_REGION: Final = "Eastmarch"
_READ_ON: Final = date(2025, 1, 15)


def workspace_files(plan: Population) -> dict[str, str]:
    """Return every text file of the network but the truth, by its path.

    Args:
        plan: what is laid down.
    """
    names = [plan.site_name(site) for site in range(plan.sites)]
    sites = "".join(f"  - {{id: {name}, folder: sites/{name}}}\n" for name in names)
    members = "".join(
        f"{_code(site)},Synthetic {name},acute hospital,{_REGION},2010-01-01,\n" for site, name in enumerate(names)
    )
    measures = "".join(f"  - {{id: {measure}, version: {version}}}\n" for measure, version in MEASURES)
    return {
        "network.yaml": "# An invented population: no hospital, patient or event in it is real.\n"
        f"id: synthetic\nname: Synthetic population\nsites:\n{sites}centre: {{folder: centre}}\nexchange: exchange\n",
        "members.csv": f"ods_code,name,kind,region,joined,left\n{members}",
        f"rounds/{ROUND}.yaml": f'id: "{ROUND}"\ntitle: Two years of a synthetic population\n'
        f"as_of: {_READ_ON}\nfirst: {_FIRST}\nlast: {LAST_DAY}\nmeasures:\n{measures}",
        **{
            f"sites/{name}/site.yaml": f"# Invented\nsite: {name}\npolicy: hes\napproval: library\n"
            f"records: {{member: {_code(site)}, folder: records, outside_observation: refuse}}\n"
            for site, name in enumerate(names)
        },
    }


def _code(site: int) -> str:
    """No organisation of the health service has a code that begins with ZZ."""
    return f"ZZ{site + 1}"
