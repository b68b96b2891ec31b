"""Figures of Insight for plotly.js, as usage/charts.py builds those of usage.

Money becomes a float here only, for the drawing; each number stands exactly in the table beside it.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from plotly.io import to_json

from invoices import break_even
from invoices.break_even import Mix
from plans.catalog import Offer
from plans.models import Currency
from plans.waterfall import LotStory
from plans.wording import say_exactly
from usage.charts import COLOR_OF_REST, COLORS

POINTS = 60  # of a line, beside those where it turns
MOST_TICKS = 8
FEWEST_PLACES = 6  # of bars, so that a single one is not as wide as the page
LOTS_DRAWN = 20
LEAST_SHOWN = 500  # sessions of a month


def find_reach(marks: Sequence[int], seen: Iterable[int]) -> int:
    """Return up to how many sessions a month plans are drawn, so that the marks are within."""
    most = max([LEAST_SHOWN, *marks, *seen])
    step = int("1".ljust(len(str(most)), "0"))
    return -(-most * 5 // 4 // step) * step


def find_step(reach: int) -> int:
    """Return how far apart the ticks of an axis are: 1, 2 or 5 of a power of ten."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if reach <= step * MOST_TICKS:
                return step
        power *= 10


def pick_points(reach: int, marks: Sequence[int], offers: Sequence[Offer]) -> list[int]:
    """Return the numbers of sessions at which plans are rated for the drawing, in order."""
    turns = {priced.included for offer in offers for priced in offer.meters}
    even = {reach * number // POINTS for number in range(POINTS + 1)}
    return sorted(even | {mark for mark in {*marks, *turns} if mark <= reach})


def draw_plans(
    offers: Sequence[Offer], *, mix: Mix, marks: Sequence[int], reach: int, currency: Currency
) -> str:
    """Return the figure of what a month costs by its sessions, a line for each plan."""
    points = pick_points(reach, marks, offers)
    lines = [
        draw_line(offer, points, mix=mix, color=color, currency=currency)
        for offer, color in zip(offers, COLORS * len(offers), strict=False)
    ]
    ticks = list(range(0, reach + 1, find_step(reach)))
    layout = lay_out(ticks, [f"{tick:,}" for tick in ticks], reach=[0, reach])
    layout["shapes"] = [
        {
            "type": "line",
            "x0": mark,
            "x1": mark,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"color": COLOR_OF_REST, "width": 1, "dash": "dot"},
        }
        for mark in marks
        if mark <= reach
    ]
    return str(to_json({"data": lines, "layout": layout}, validate=False))


def draw_line(
    offer: Offer, points: Sequence[int], *, mix: Mix, color: str, currency: Currency
) -> dict[str, Any]:  # Any: a figure is free JSON
    """Return the line of a plan."""
    costs = [break_even.rate(offer, sessions=point, mix=mix) for point in points]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": offer.plan.name,
        "x": list(points),
        "y": [float(cost) for cost in costs],
        "customdata": [
            [offer.plan.name, f"{point:,}", say_exactly(cost, currency)]
            for point, cost in zip(points, costs, strict=True)
        ],
        "hovertemplate": "%{customdata[0]}<br>Sessions: %{customdata[1]}<br>"
        "Cost: %{customdata[2]}<extra></extra>",
        "line": {"color": color, "width": 2},
    }


PARTS = (("Used", COLORS[0]), ("Lapsed", COLORS[3]), ("Refunded", COLORS[2]), ("Left", COLORS[4]))


def draw_lots(stories: Sequence[LotStory], *, currency: Currency) -> str:
    """Return the figure of what became of lots: a bar for each, in the order given."""
    shown = stories[:LOTS_DRAWN]
    names = [f"#{story.lot.pk}" for story in shown]
    amounts = zip(
        *((one.used_in_all + one.other, one.lapsed, one.refunded, one.left) for one in shown),
        strict=True,
    )
    bars = [
        draw_part(name, color, names, of_part, currency=currency)
        for (name, color), of_part in zip(PARTS, amounts, strict=True)
    ]
    places = list(range(len(names)))
    layout = lay_out(places, names, reach=[-0.5, max(len(names), FEWEST_PLACES) - 0.5])
    layout |= {"barmode": "stack", "bargap": 0.35}
    return str(to_json({"data": bars, "layout": layout}, validate=False))


def draw_part(
    part: str, color: str, names: Sequence[str], amounts: Sequence[Decimal], *, currency: Currency
) -> dict[str, Any]:  # Any: a figure is free JSON
    """Return what one part of all bars is."""
    return {
        "type": "bar",
        "name": part,
        "x": list(range(len(names))),
        "y": [float(amount) for amount in amounts],
        "customdata": [
            [name, part, say_exactly(amount, currency)]
            for name, amount in zip(names, amounts, strict=True)
        ],
        "hovertemplate": "Lot %{customdata[0]}<br>%{customdata[1]}: %{customdata[2]}"
        "<extra></extra>",
        "marker": {"color": color, "line": {"width": 0}},
    }


def lay_out(
    places: Sequence[int], names: Sequence[str], *, reach: Sequence[float]
) -> dict[str, Any]:  # Any: a figure is free JSON
    """Return the layout that the figures have in common."""
    return {
        "margin": {"l": 64, "r": 8, "t": 8, "b": 40},
        "xaxis": {
            "tickvals": list(places),
            "ticktext": list(names),
            "tickangle": 0,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
            "range": list(reach),
        },
        "yaxis": {"rangemode": "tozero", "tickformat": ",", "fixedrange": True},
        "showlegend": False,
        "hovermode": "closest",
    }
