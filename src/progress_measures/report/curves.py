"""The columns of one number per step as curves: one figure each for losses, accuracies and other columns."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.palettes import Category10

from progress_measures.plotting.lines import HIGHEST, LOWEST
from progress_measures.plotting.scales import are_percents, is_accuracy, sides
from progress_measures.report.figures import (
    DIGITS,
    MOST_STEPS,
    Frame,
    Scale,
    add_hover,
    add_legend,
    keep_in_view,
    on_both_scales,
    over_steps,
    some_steps,
)
from progress_measures.report.words import as_label, paragraph
from progress_measures.trajectory.trajectory import Trajectory

Part = Any  # HTML as a string, or a figure
MOST_CURVES = 20  # in one figure: more cannot be told apart
_FEW = 100  # a curve of up to so many steps has a dot at each
_COLOURS = Category10[10]


def curves(run: Trajectory, frame: Frame) -> list[Part]:
    """Headings, figures and notes of the columns of one number per step."""
    groups, empty = _groups(run)
    parts: list[Part] = []
    for heading, names in groups.items():
        parts.append(f"<h3>{heading}</h3>")
        parts.append(_figure(run, heading, names[:MOST_CURVES], frame))
        if len(names) > MOST_CURVES:
            parts.append(paragraph(f"{len(names) - MOST_CURVES} more columns are only in the table."))
    if not groups:
        parts.append(paragraph("Curves are left out: no column has one number per step."))
    elif len(run) > MOST_STEPS:
        parts.append(paragraph(f"Of {len(run):,} steps, {MOST_STEPS:,} are drawn, at even distances in the record."))
    if empty:
        parts.append(paragraph(f"Left out, because no number in it is finite: {', '.join(empty)}."))
    return parts


def _groups(run: Trajectory) -> tuple[dict[str, list[str]], list[str]]:
    """The columns to draw by heading, and those without any number."""
    groups: dict[str, list[str]] = {"Losses": [], "Accuracies": [], "Other numbers": []}
    empty = []
    for name, values in run.columns.items():
        if values.ndim > 1 or (name.endswith((LOWEST, HIGHEST)) and name[:-5] in run):
            continue
        if not values.isfinite().any():
            empty.append(name)
        elif is_accuracy(name):
            groups["Accuracies"].append(name)
        else:
            groups["Losses" if "loss" in name.lower() else "Other numbers"].append(name)
    return {heading: names for heading, names in groups.items() if names}, empty


def _figure(run: Trajectory, heading: str, names: list[str], frame: Frame) -> Any:
    shown = some_steps(len(run), MOST_STEPS)
    steps = run.steps.numpy()[shown].astype(float)
    sources, numbers = {}, []
    for name in names:
        values = run[name].numpy()[shown]
        known = np.isfinite(values)  # a column may be recorded at other steps than its neighbours
        sources[name] = ColumnDataSource({"x": steps[known], "y": values[known]})
        numbers.append(values[known])

    label = heading.lower() + (" (%)" if are_percents((name, run[name].numpy()) for name in names) else "")

    def draw(scale: Scale) -> Any:
        chart = over_steps(run, label, scale, frame)
        lines = []
        for place, (name, source) in enumerate(sources.items()):
            look = {"color": _COLOURS[place % 10], "legend_label": as_label(name)}
            dash = "solid" if place < len(_COLOURS) else "dashed"
            line = chart.line("x", "y", source=source, line_width=1.8, line_dash=dash, **look)
            lines.append(line)
            if len(source.data["x"]) <= _FEW:
                chart.scatter("x", "y", source=source, size=4, **look)
            add_hover(chart, line, (name, f"@y{DIGITS}"), (run.step_name, "@x{0}"))
        keep_in_view(chart, lines)
        add_legend(chart, names)
        return chart

    return on_both_scales(draw, np.concatenate(numbers), sides({name: run[name] for name in names}, None).scale)
