"""The columns of one number per frequency: a heat map and lines over the steps, and bars for the last step."""

from typing import Any

import numpy as np
from bokeh.models import ColorBar, ColumnDataSource, LinearColorMapper, LogColorMapper
from bokeh.palettes import Category10, RdBu11, Reds256

from progress_measures.frequencies import key_frequencies
from progress_measures.measures.restricted import MEANS
from progress_measures.plotting.frequencies import edges
from progress_measures.plotting.scales import sides
from progress_measures.report.curves import Part
from progress_measures.report.figures import (
    DIGITS,
    Frame,
    Scale,
    add_hover,
    add_legend,
    along_steps,
    blank,
    keep_in_view,
    on_both_scales,
    over_steps,
    some_steps,
)
from progress_measures.report.words import as_html, paragraph
from progress_measures.trajectory.keys import KEYS, last_keys
from progress_measures.trajectory.trajectory import Trajectory

NO_SPECTRA = (KEYS, "sufficient_frequencies", MEANS)  # 1 for each frequency in a set, else 0; a table of logits
MOST_ENTRIES, MOST_CELLS = 1000, 20_000  # of a vector, and of a heat map: more make a page that is slow to open
MOST_KEYS, MOST_LARGEST = 10, 5
_OTHER = "#b5bcc4"
_SPECTRUM = "logit_power"


def frequencies(run: Trajectory, frame: Frame) -> list[Part]:
    """Headings, figures and notes of the columns of several numbers per step."""
    parts: list[Part] = []
    vectors = {
        name: values for name, values in run.columns.items() if values.ndim > 1 and _last_word(name) not in NO_SPECTRA
    }
    if not vectors:
        return [paragraph("Spectra are left out: no column has one number per frequency.")]
    for name, values in vectors.items():
        parts.append(f"<h3>{as_html(name)}</h3>")
        if values.ndim > 2 or not 2 <= values.shape[1] <= MOST_ENTRIES:
            shape = "×".join(map(str, values.shape[1:]))
            parts.append(paragraph(f"Left out: {shape} numbers per step are no spectrum of 2 to {MOST_ENTRIES:,}."))
            continue
        measured = values.isfinite().any(1).numpy()
        if not measured.any():
            parts.append(paragraph("Left out: no number in it is finite."))
            continue
        keys, how = _keys(run, name, values.numpy()[measured][-1])
        parts += [paragraph(how), *_figures(run, name, measured, keys, frame)]
    return parts


def _last_word(name: str) -> str:
    return name.rpartition("/")[2]


def _keys(run: Trajectory, name: str, last: np.ndarray) -> tuple[list[int], str]:
    """The frequencies to colour, and a description of their choice: the recorded ones, or those that stand out."""
    start = name.removesuffix(_last_word(name))  # of a callback, whose columns have the same prefix
    recorded, power = start + KEYS, start + _SPECTRUM
    named = last_keys({KEYS: run[recorded]}) if recorded in run else None
    how = "Key frequencies, as recorded"
    if not named and power in run and run[power].ndim == 2:
        spectra = run[power][run[power].isfinite().all(1)]
        if len(spectra) > 0 and bool((spectra[-1] >= 0).all()):
            named, how = key_frequencies(spectra[-1]), f"Key frequencies, those that stand out in {power} at the end"
    sizes = np.nan_to_num(np.abs(last), nan=-1.0)
    if not named or max(named) > len(last):
        named = tuple((np.argsort(-sizes, kind="stable")[:MOST_LARGEST] + 1).tolist())
        how = f"No key frequencies are known. Coloured are those with the largest {name} at the end"
    keys = sorted(sorted(named, key=lambda k: -sizes[k - 1])[:MOST_KEYS])
    more = f", of which the {MOST_KEYS} largest are coloured" if len(named) > MOST_KEYS else ""
    return keys, f"{how}: {', '.join(map(str, sorted(named)))}{more}."


def _figures(run: Trajectory, name: str, measured: np.ndarray, keys: list[int], frame: Frame) -> list[Part]:
    steps, values = run.steps.numpy()[measured].astype(float), run[name].numpy()[measured]
    last_step, last = int(steps[-1]), values[-1]
    if len(steps) == 1:
        return [paragraph(f"At the only measured {run.step_name}, {last_step}:"), _bars(name, last, keys)]
    shown = some_steps(len(steps), MOST_CELLS // values.shape[1])
    note = [] if len(shown) == len(steps) else [paragraph(f"Of {len(steps):,} steps, {len(shown):,} are drawn.")]
    steps, values = steps[shown], values[shown]
    scale = sides({name: run[name]}, None).scale

    def draw(axis: Scale) -> Any:
        return _lines(over_steps(run, name, axis, frame), run, steps, values, keys)

    return [
        *note,
        _heat_map(run, name, steps, values, scale, frame),
        on_both_scales(draw, values[np.isfinite(values)], scale),
        paragraph(f"At the last measured {run.step_name}, {last_step}:"),
        _bars(name, last, keys),
    ]


def _colour_of(keys: list[int]) -> dict[int, str]:
    """The colour of each key frequency, in ascending order, so that it is the same in every column of a run."""
    return dict(zip(sorted(keys), Category10[10], strict=False))


def _heat_map(run: Trajectory, name: str, steps: np.ndarray, values: np.ndarray, scale: str, frame: Frame) -> Any:
    """One row per frequency, with one cell per recorded step that reaches halfway to its neighbours."""
    chart = along_steps(run, "frequency", frame)
    bounds, count = edges(steps), values.shape[1]
    if frame.x == "log":
        bounds[0] = max(bounds[0], steps[0] / 2)
    row = np.tile(np.arange(1, count + 1), len(steps))
    source = ColumnDataSource({
        "left": np.repeat(bounds[:-1], count), "right": np.repeat(bounds[1:], count), "bottom": row - 0.5,
        "top": row + 0.5, "step": np.repeat(steps, count), "frequency": row, "value": values.ravel(),
    })  # fmt: skip
    colours = _colours(values[np.isfinite(values)], scale)
    cells = chart.quad(
        "left", "right", "top", "bottom", source=source, fill_color={"field": "value", "transform": colours},
        line_color={"field": "value", "transform": colours}, line_width=0.5,
    )  # fmt: skip
    chart.x_range.range_padding = chart.y_range.range_padding = 0
    chart.grid.visible = False
    chart.add_layout(ColorBar(color_mapper=colours, width=12, label_standoff=6), "right")
    add_hover(chart, cells, ("frequency", "@frequency"), (run.step_name, "@step{0}"), (name, f"@value{DIGITS}"))
    return chart


def _colours(known: np.ndarray, scale: str) -> Any:
    """White for 0 and darker for larger numbers; a logarithmic scale begins at the smallest number above 0."""
    extreme = float(np.abs(known).max()) or 1.0
    reds = Reds256[::-1]
    if scale == "log" and (known > 0).any():
        low = float(known[known > 0].min())
        return LogColorMapper(palette=reds, low=low if low < extreme else low / 10, high=extreme, nan_color="white")
    if (known < 0).any():
        return LinearColorMapper(palette=RdBu11, low=-extreme, high=extreme, nan_color="white")
    return LinearColorMapper(palette=reds, low=0, high=extreme, nan_color="white")


def _lines(chart: Any, run: Trajectory, steps: np.ndarray, values: np.ndarray, keys: list[int]) -> Any:
    """Draws key frequencies in colours, in front of the others in grey."""
    others = [k for k in range(1, values.shape[1] + 1) if k not in keys]
    drawn = []
    if others:
        source = ColumnDataSource(
            {"x": [steps] * len(others), "y": [values[:, k - 1] for k in others], "frequency": others}
        )
        grey = chart.multi_line("x", "y", source=source, color=_OTHER, line_width=0.8, legend_label="other frequencies")
        drawn.append(grey)
        add_hover(
            chart, grey, ("frequency", "@frequency"), (run.step_name, "$snap_x{0}"), ("value", f"$snap_y{DIGITS}")
        )
    for k, colour in _colour_of(keys).items():
        known = np.isfinite(values[:, k - 1])
        source = ColumnDataSource({"x": steps[known], "y": values[known, k - 1]})
        line = chart.line("x", "y", source=source, color=colour, line_width=2, legend_label=f"frequency {k}")
        drawn.append(line)
        add_hover(chart, line, ("frequency", str(k)), (run.step_name, "@x{0}"), ("value", f"@y{DIGITS}"))
    keep_in_view(chart, drawn)
    add_legend(chart, ["frequency"])
    return chart


def _bars(name: str, last: np.ndarray, keys: list[int]) -> Any:
    chart = blank("frequency", name)
    colour = _colour_of(keys)
    places = range(1, len(last) + 1)
    source = ColumnDataSource({"x": [*places], "y": last, "colour": [colour.get(k, _OTHER) for k in places]})
    bars = chart.vbar("x", width=0.8, top="y", bottom=0, color="colour", source=source)
    chart.x_range.range_padding = 0.02
    add_hover(chart, bars, ("frequency", "@x"), (name, f"@y{DIGITS}"))
    return chart
