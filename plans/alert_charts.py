"""The figure of a rehearsal for plotly.js: numbers of periods as bars, and the threshold as a line.

As usage/charts.py: plain dictionaries; colors of text and grid are set in the browser.
"""

from decimal import Decimal
from typing import Any

from plotly.io import to_json

from plans.alert_wording import say_number, say_period
from plans.alerted import Per
from plans.rehearsal import Period, Rehearsal
from plans.wording import Currency

REACHED, BELOW, THRESHOLD = "#d6336c", "#4263eb", "#f08c00"


def draw(rehearsal: Rehearsal, currency: Currency) -> str:
    """Return the figure of a rehearsal as JSON: one bar a period, those that fire of another color.

    The line is as long as the bars, and the axis as high as both.
    """
    periods = rehearsal.periods
    places = list(range(len(periods)))
    figure = {
        "data": [draw_bars(rehearsal, currency)],
        "layout": {
            "bargap": 0.25,
            "margin": {"l": 56, "r": 8, "t": 8, "b": 40},
            "xaxis": {
                "tickvals": places,
                "ticktext": [shorten(period, rehearsal.watch.per) for period in periods],
                "tickangle": 0,
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "range": [-0.5, len(periods) - 0.5],
            },
            "yaxis": {
                "range": [0, plot(max(rehearsal.highest, rehearsal.threshold)) * 1.08],
                "tickformat": ",",
                "fixedrange": True,
            },
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": plot(rehearsal.threshold),
                    "y1": plot(rehearsal.threshold),
                    "line": {"color": THRESHOLD, "width": 2, "dash": "dash"},
                }
            ],
            "showlegend": False,
            "hovermode": "closest",
        },
    }
    return str(to_json(figure, validate=False))


def draw_bars(rehearsal: Rehearsal, currency: Currency) -> dict[str, Any]:  # Any: free JSON
    """Return the bars of the periods."""
    watch, periods = rehearsal.watch, rehearsal.periods
    return {
        "type": "bar",
        "x": list(range(len(periods))),
        "y": [plot(period.number) for period in periods],
        "customdata": [
            [
                say_period(period.starts_on, watch.per),
                say_number(period.number, watch.watched, currency),
                "fires" if period.reached else "does not fire",
            ]
            for period in periods
        ],
        "hovertemplate": "%{customdata[0]}<br>%{customdata[1]}<br>%{customdata[2]}<extra></extra>",
        "marker": {
            "color": [REACHED if period.reached else BELOW for period in periods],
            "line": {"width": 0},
        },
    }


def plot(number: Decimal) -> float:
    """Return how high a number is drawn; nothing is computed from it."""
    return float(number)


def shorten(period: Period, per: str) -> str:
    """Return what stands below the bar of a period."""
    return f"{period.starts_on:%b %Y}" if per == Per.MONTH else f"{period.starts_on:%-d %b}"
