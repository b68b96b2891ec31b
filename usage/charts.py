"""Figures of usage for plotly.js, built in Python.

Plain dictionaries, since plotly's own classes check each value at each request; the tests have them
checked instead. Colors of text and grid depend on the browser's theme and are set there
(static/js/charts.js).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from plotly.io import to_json

from accounts.days import start_of_day
from usage.periods import Grain, Period
from usage.report_queries import Line, Usage
from usage.reports import Report

# Told apart with the common kinds of color blindness, on light and on dark ground; then the rest.
COLORS = (
    "#4263eb", "#15aabf", "#845ef7", "#f08c00", "#2f9e44",
    "#d6336c", "#1864ab", "#82c91e", "#9c36b5", "#a8672e",
)  # fmt: skip
COLOR_OF_REST = "#8a93a3"
SECOND = timedelta(seconds=1)

TOOLTIP = (
    "Date: %{customdata[0]}<br>Sessions: %{customdata[1]}<br>"
    "Voice Sessions: %{customdata[2]}<br>Agents: %{customdata[3]}<extra></extra>"
)


def draw_usage(usage: Usage, report: Report, *, running: bool, channels: bool) -> str:
    """Return the figure of a report as JSON: stacked bars, one color for each of the lines.

    Below each bar stands its label; the browser leaves out those that have no room.

    ``running``: each bar has all sessions up to its end. ``channels``: only some are shown, so that
    there is no number of agents, who have none.
    """
    names = [describe(period, report.grain, report.zone) for period in report.periods]
    bars = [
        draw_line(line, names, color, running=running, channels=channels)
        for line, color in zip(usage.lines, color_lines(usage.lines), strict=True)
    ]
    figure = {
        "data": bars,
        "layout": {
            "barmode": "stack",
            "bargap": 0.25,
            "margin": {"l": 48, "r": 8, "t": 8, "b": 40},
            "xaxis": {
                "tickvals": list(range(len(names))),
                "ticktext": [shorten(period, report.grain) for period in report.periods],
                "tickangle": 0,
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
                "range": [-0.5, len(names) - 0.5],
            },
            "yaxis": {
                "rangemode": "tozero",
                "tickformat": ",d",
                "fixedrange": True,
            },
            "showlegend": False,
            "hovermode": "closest",
        },
    }
    return str(to_json(figure, validate=False))


def draw_line(
    line: Line, names: Sequence[str], color: str, *, running: bool, channels: bool
) -> dict[str, Any]:  # Any: a figure is free JSON
    """Return the bars of one line."""
    sessions = [counts.billing_sessions for counts in line.counts]
    voice = [counts.voice_sessions for counts in line.counts]
    if running:
        sessions, voice = list(accumulate(sessions)), list(accumulate(voice))
    agents = ["–"] * len(names) if channels else [f"{number:,}" for number in line.agents]
    numbers = zip(names, sessions, voice, agents, strict=True)
    return {
        "type": "bar",
        "name": line.name,
        "x": list(range(len(names))),
        "y": sessions,
        "customdata": [
            [name, f"{all_:,}", f"{of_voice:,}", of] for name, all_, of_voice, of in numbers
        ],
        "hovertemplate": TOOLTIP,
        "marker": {"color": color, "line": {"width": 0}},
    }


class LegendEntry(NamedTuple):
    """What a color means, and how many billing sessions it shows in all."""

    color: str
    name: str
    sessions: int


def list_legend(lines: Sequence[Line]) -> list[LegendEntry]:
    """Return the legend of a figure, in the order of its lines."""
    return [
        LegendEntry(color, line.name, sum(counts.billing_sessions for counts in line.counts))
        for line, color in zip(lines, color_lines(lines), strict=True)
    ]


def color_lines(lines: Iterable[Line]) -> Iterator[str]:
    """Yield a color for each line; the rest has its own."""
    for place, line in enumerate(lines):
        yield COLORS[place % len(COLORS)] if line.bot else COLOR_OF_REST


def describe(period: Period, grain: Grain, zone: ZoneInfo) -> str:
    """Return a period in words; an hour that comes twice in autumn carries its offset."""
    start, end = period.starts_at, period.ends_at.astimezone(zone)
    if grain is Grain.HOUR:
        offset = f" ({start:%z})" if start.fold or end.fold else ""
        return f"{start:%-d %b %Y, %H:%M}–{end:%H:%M}{offset}"
    if grain is Grain.WEEK:
        last = (period.ends_at - SECOND).astimezone(zone)
        return f"{start:%-d %b} – {last:%-d %b %Y}"
    return f"{start:%B %Y}" if grain is Grain.MONTH else f"{start:%a, %-d %b %Y}"


def shorten(period: Period, grain: Grain) -> str:
    """Return what stands below the bars of a period."""
    start = period.starts_at
    if grain is Grain.HOUR:
        return f"{start:%H:%M}<br>{start:%-d %b}"
    return f"{start:%b %Y}" if grain is Grain.MONTH else f"{start:%-d %b}"


def describe_stretch(period: Period, zone: ZoneInfo) -> str:
    """Return a stretch of time in words: its days where it has whole ones, else its instants."""
    start, end = period.starts_at.astimezone(zone), period.ends_at.astimezone(zone)
    if start == start_of_day(start.date(), zone) and end == start_of_day(end.date(), zone):
        last = (period.ends_at - SECOND).astimezone(zone)
        return (
            f"{start:%-d %b %Y} – {last:%-d %b %Y}"
            if last.date() > start.date()
            else f"{start:%-d %b %Y}"
        )
    return f"{start:%-d %b %Y, %H:%M} – {end:%-d %b %Y, %H:%M}"
