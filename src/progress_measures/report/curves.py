"""The columns of one number per step as curves: one figure each for losses, accuracies and other columns."""

from os.path import commonprefix
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.palettes import Category10

from progress_measures.plotting.lines import HIGHEST, LOWEST
from progress_measures.plotting.scales import are_percents, is_accuracy, sides
from progress_measures.report.figures import (
    DIGITS,
    HEIGHT,
    MOST_STEPS,
    Frame,
    Scale,
    add_chance,
    add_hover,
    add_legend,
    keep_in_view,
    on_both_scales,
    over_steps,
    some_steps,
)
from progress_measures.report.words import as_html, as_label, paragraph
from progress_measures.trajectory.trajectory import Trajectory

Part = Any  # HTML as a string, or a figure
MOST_CURVES = 20  # in one figure: more cannot be told apart
LOSSES, ACCURACIES, OTHERS = "Losses", "Accuracies", "Other numbers"
_FEW = 100  # a curve of up to so many steps has a dot at each
_ALIKE = 10.0  # other numbers share a figure if their typical sizes differ at most by this factor
_NARROW = 100.0
_LOW = 200  # pixels: the height of a figure of other numbers
_COLOURS = Category10[10]
_DASHES = ("solid", "dashed", "dotdash", "dotted")  # curves differ without colours, too


def curves(run: Trajectory, frame: Frame) -> list[Part]:
    """Headings, figures and notes of the columns of one number per step."""
    groups, empty, once = _groups(run)
    parts: list[Part] = []
    for heading, figures in groups.items():
        parts.append(f"<h3>{heading}</h3>")
        for names in figures:
            if heading == OTHERS:
                parts.append(f"<h4>{as_html(', '.join(names[:MOST_CURVES]))}</h4>")
            parts.append(_figure(run, heading, names[:MOST_CURVES], frame))
            if len(names) > MOST_CURVES:
                parts.append(paragraph(f"{len(names) - MOST_CURVES} more columns are only in the table."))
    if not groups:
        parts.append(paragraph("Curves are left out: no column has one number per step."))
    elif len(run) > MOST_STEPS:
        parts.append(paragraph(f"Of {len(run):,} steps, {MOST_STEPS:,} are drawn, at even distances in the record."))
    if empty:
        parts.append(paragraph(f"Left out, because no number in it is finite: {', '.join(empty)}."))
    if once:
        parts.append(paragraph(f"Only in the table, because only one step has a number: {', '.join(once)}."))
    return parts


def _groups(run: Trajectory) -> tuple[dict[str, list[list[str]]], list[str], list[str]]:
    """The columns of each figure by heading, those without any number, and those with one number in many steps."""
    groups: dict[str, list[str]] = {LOSSES: [], ACCURACIES: [], OTHERS: []}
    empty, once = [], []
    for name, values in run.columns.items():
        if values.ndim > 1 or (name.endswith((LOWEST, HIGHEST)) and name[:-5] in run):
            continue
        known = int(values.isfinite().sum())
        if known == 0:
            empty.append(name)
        elif known == 1 < len(run):
            once.append(name)
        elif is_accuracy(name):
            groups[ACCURACIES].append(name)
        else:
            groups[LOSSES if "loss" in name.lower() else OTHERS].append(name)
    figures = {heading: [names] for heading, names in groups.items() if names and heading != OTHERS}
    if groups[OTHERS]:
        figures[OTHERS] = _of_one_size(run, groups[OTHERS])
    return figures, empty, once


def _of_one_size(run: Trajectory, names: list[str]) -> list[list[str]]:
    """Divides columns among figures, by what is before their last slash and by the size of their numbers."""
    figures: list[tuple[str, float, list[str]]] = []
    for name in names:
        values = run[name][run[name].isfinite()].abs()
        start, size = name.rpartition("/")[0], float(values.median())
        for other, its_size, members in figures:
            low, high = sorted((size, its_size))
            if other == start and (high == 0 or (low > 0 and high / low <= _ALIKE)):
                members.append(name)
                break
        else:
            figures.append((start, size, [name]))
    return [members for *_, members in figures]


def shared_start(names: list[str]) -> str:
    """What several names begin with, up to a slash; empty if there is no such start."""
    start = commonprefix(names) if len(names) > 1 else ""  # noqa: RUF071 - these are no paths
    return start[: start.rfind("/") + 1]


def _figure(run: Trajectory, heading: str, names: list[str], frame: Frame) -> Any:
    shown = some_steps(len(run), MOST_STEPS)
    steps = run.steps.numpy()[shown].astype(float)
    sources, numbers, start = {}, [], shared_start(names)
    for name in names:
        values = run[name].numpy()[shown]
        known = np.isfinite(values)  # a column may be recorded at other steps than its neighbours
        sources[name] = ColumnDataSource({"x": steps[known], "y": values[known]})
        numbers.append(values[known])
    every = np.concatenate(numbers)
    low = heading == OTHERS
    first = "linear" if low and _is_narrow(every) else sides({name: run[name] for name in names}, None).scale

    label = heading.lower() + (" (%)" if are_percents((name, run[name].numpy()) for name in names) else "")

    def draw(scale: Scale) -> Any:
        chart = over_steps(run, "" if low else label, scale, frame, height=_LOW if low else HEIGHT)
        lines = []
        for place, (name, source) in enumerate(sources.items()):
            look = {"color": _COLOURS[place % 10], "legend_label": as_label(name.removeprefix(start))}
            dash = _DASHES[place % len(_DASHES)]
            line = chart.line("x", "y", source=source, line_width=1.8, line_dash=dash, **look)
            lines.append(line)
            if len(source.data["x"]) <= _FEW:
                chart.scatter("x", "y", source=source, size=4, **look)
            add_hover(chart, line, (name, f"@y{DIGITS}"), (run.step_name, "@x{0}"))
        if heading == LOSSES and frame.chance is not None:
            add_chance(chart, frame.chance, int(run.steps[-1]))
        keep_in_view(chart, lines)
        if low and len(names) == 1:
            chart.legend.visible = False  # its name is above the figure
        else:
            add_legend(chart, [name.removeprefix(start) for name in names])
        return chart

    return on_both_scales(draw, every, first)


def _is_narrow(values: np.ndarray) -> bool:
    """Whether numbers span less than two decades, in which powers of ten say little."""
    positive = values[values > 0]
    return len(positive) > 0 and bool(positive.max() < _NARROW * positive.min())
