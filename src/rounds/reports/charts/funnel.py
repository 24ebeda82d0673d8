"""The funnel plot: organisations against their size, with limits."""

from dataclasses import dataclass

from rounds.reports.charts.theme import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    WITHHELD_LABEL,
    Spec,
    points_by_state,
    spec,
    value_axis,
)

_HALF_A_LINE = 0.02
"""Of the size, to either side, where all organisations are of one size."""
INSIDE, PERHAPS, FAR = "Inside the limits", "Outside the 95% limits", "Outside the 99.8% limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelSite:
    """One organisation, in the units of the rate."""

    name: str
    size: float
    value: float | None
    bounds: tuple[float, float]
    outside: bool
    far_outside: bool
    limits95: tuple[float, float]
    limits998: tuple[float, float]


def funnel_chart(
    *, sites: tuple[FunnelSite, ...], centre: float, size_title: str, title: str, centre_label: str = "Network"
) -> Spec:
    """Return a funnel plot. Limits are drawn through the organisations' own sizes.

    Args:
        sites: in any order.
        centre: the network's rate, or 1 of ratios.
        size_title: what the horizontal axis shows.
        title: what the vertical axis shows, with its unit and which way is better.
        centre_label: what the legend calls the centre.
    """
    states = [(INSIDE, GREY, "circle"), (PERHAPS, BLUE, "triangle"), (FAR, ORANGE, "diamond")]
    ordered = sorted(sites, key=lambda site: site.size)
    points = [
        {
            "size": site.size,
            "value": site.value,
            "state": FAR if site.far_outside else PERHAPS if site.outside else INSIDE,
        }
        for site in ordered
        if site.value is not None
    ]
    bars = [
        {"size": site.size, "lower": site.bounds[0], "upper": site.bounds[1]} for site in ordered if site.value is None
    ]
    present = [state for state in states if any(point["state"] == state[0] for point in points)]
    if bars:
        present.append((WITHHELD_LABEL, PALE, "square"))
    heights = [
        end for site in sites for end in (*site.limits998, *((site.value,) if site.value is not None else site.bounds))
    ]
    across = {
        "field": "size",
        "type": "quantitative",
        "title": size_title,
        "scale": {"zero": False, "nice": True, "padding": 10},
        "axis": {"format": "~s" if max(site.size for site in sites) >= 100_000 else ",d"},
    }
    axis = value_axis(heights)
    layers: list[Spec] = [_limits(ordered, across, axis, centre_label), _centre(centre, axis, centre_label)]
    if bars:
        layers.append(
            {
                "data": {"values": bars},
                "mark": {"type": "rule", "color": PALE, "strokeWidth": 5},
                "encoding": {"x": across, "y": {**axis, "field": "lower"}, "y2": {"field": "upper"}},
            }
        )
    layers.append(points_by_state(points, across=across, axis=axis, present=present))
    return spec(title=title, layers=layers)


def _limits(ordered: list[FunnelSite], across: Spec, axis: Spec, centre_label: str) -> Spec:
    rows = []
    for site in ordered:
        one_size = ordered[0].size == ordered[-1].size  # a line through one point would not be seen
        sizes = (site.size * (1 - _HALF_A_LINE), site.size * (1 + _HALF_A_LINE)) if one_size else (site.size,)
        for limit, ends in (("95% limits", site.limits95), ("99.8% limits", site.limits998)):
            rows += [
                {"size": size, "value": end, "limit": limit, "side": side}
                for size in sizes
                for side, end in enumerate(ends)
            ]
    return {
        "data": {"values": rows},
        "mark": {"type": "line", "color": INK, "strokeWidth": 1.5, "interpolate": "monotone"},
        "encoding": {
            "x": across,
            "y": axis,
            "detail": {"field": "side", "type": "nominal"},
            "strokeDash": {
                "field": "limit",
                "type": "nominal",
                "scale": {"domain": [centre_label, "95% limits", "99.8% limits"], "range": [[1, 0], [6, 4], [2, 3]]},
                "legend": {"symbolType": "stroke", "symbolSize": 500, "symbolStrokeColor": INK},
            },
        },
    }


def _centre(centre: float, axis: Spec, label: str) -> Spec:
    return {
        "data": {"values": [{"value": centre, "limit": label}]},
        "mark": {"type": "rule", "color": INK, "strokeWidth": 1.5},
        "encoding": {"y": axis, "strokeDash": {"field": "limit", "type": "nominal"}},
    }
