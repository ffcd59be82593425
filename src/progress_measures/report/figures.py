"""Bokeh figures that fill the width of the page, with phases behind them and values under the pointer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from bokeh.models import (
    BoxAnnotation,
    DataRange1d,
    FixedTicker,
    HoverTool,
    Label,
    LinearAxis,
    LogAxis,
    NoOverlap,
    PlainText,
    Span,
    TabPanel,
    Tabs,
)
from bokeh.plotting import figure

from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones
from progress_measures.plotting.marks import MILESTONES, spans
from progress_measures.report.words import as_label
from progress_measures.trajectory.trajectory import Trajectory

TOOLS = "box_zoom,pan,wheel_zoom,reset,save"
DIGITS = "{%.6g}"  # the format of a number under the pointer
MOST_STEPS = 20_000  # of a curve: more make a page that is slow to open
HEIGHT = 300  # of the plot without its axes and legend, in pixels
_INK = "#404040"
_NARROW = 400  # pixels of a legend on a narrow page
_LETTER, _SAMPLE = 7, 40  # pixels of a letter of a legend, and of the line before a name
Scale = Literal["linear", "log"]


def blank(x: str, y: str, *, height: int = HEIGHT, **options: Any) -> Any:
    """An empty figure with labelled axes. Its legend makes it higher, and leaves the height of the plot as it is."""
    chart = figure(
        height=None, frame_height=height, sizing_mode="stretch_width", tools=TOOLS, active_drag="box_zoom", **options
    )
    chart.toolbar.logo = None  # which would link to another site
    chart.toolbar.active_scroll = None  # the wheel scrolls the page, unless its zoom is switched on
    chart.xaxis.axis_label, chart.yaxis.axis_label = PlainText(text=as_label(x)), PlainText(text=as_label(y))
    chart.xaxis.axis_label_text_font_style = chart.yaxis.axis_label_text_font_style = "normal"
    chart.yaxis.major_label_policy = NoOverlap()
    return chart


@dataclass(frozen=True)
class Frame:
    """What all figures over the steps of a run have."""

    phases: Phases | None
    milestones: Milestones | None
    x: Scale
    chance: float | None = None
    """The loss at chance, for the figure of losses."""


def along_steps(run: Trajectory, y: str, frame: Frame, **options: Any) -> Any:
    """A figure over the steps of a run, with nothing in it yet."""
    chart = blank(run.step_name.replace("_", " "), y, x_axis_type=frame.x, **options)
    if frame.x == "linear":
        chart.xaxis.formatter.use_scientific = False
    return chart


def over_steps(run: Trajectory, y: str, scale: Scale, frame: Frame, *, height: int = HEIGHT) -> Any:
    """A figure over the steps of a run, with its phases shaded and its milestones as lines."""
    chart = along_steps(run, y, frame, y_axis_type=scale, height=height)
    first, last = int(run.steps[0]), int(run.steps[-1])
    if frame.phases is not None:
        for begin, stop, _, colour in spans(frame.phases, start=first, end=last):
            chart.add_layout(BoxAnnotation(left=begin, right=stop, fill_color=colour, fill_alpha=0.55, level="image"))
        for event in frame.phases.events.values():
            if event.step is not None and first < event.step < last:
                chart.add_layout(_upright(event.step, event.settled, "#909090"))
    if frame.milestones is not None:
        _mark(chart, frame.milestones, frame.x, first)
    return chart


def _upright(step: int, settled: bool, colour: str) -> Span:
    dash = "solid" if settled else "dashed"
    return Span(location=step, dimension="height", line_color=colour, line_width=1, line_dash=dash)


def _mark(chart: Any, milestones: Milestones, x: Scale, first: int) -> None:
    """A line at each milestone, with its word above the plot. Each word is in a row of its own, so none overlap."""
    events = {name: milestones.events[name] for name in MILESTONES}
    shown = [(name, event) for name, event in events.items() if event.step is not None and event.step >= first]
    for name, event in shown[::-1]:  # the first one is added last, on top
        step = int(event.step or 0)
        chart.add_layout(_upright(step, event.settled, _INK))
        words = PlainText(text=name if event.settled else f"{name} (not settled)")
        axis = LogAxis if x == "log" else LinearAxis
        chart.add_layout(
            axis(
                ticker=FixedTicker(ticks=[step], minor_ticks=[]), major_label_overrides={step: words},
                axis_line_color=None, major_tick_line_color=None, major_label_standoff=1,
            ),
            "above",
        )  # fmt: skip


def add_chance(chart: Any, loss: float, last: int) -> None:
    """A dashed line at the loss of a guess, with its word at the right end."""
    chart.add_layout(Span(location=loss, dimension="width", line_color=_INK, line_width=1, line_dash=[6, 3]))
    chart.add_layout(
        Label(
            x=last, y=loss, text=f"chance {loss:.3g}", text_font_size="11px", text_color=_INK, text_align="right",
            text_baseline="bottom", background_fill_color="white", background_fill_alpha=0.6,
        )
    )  # fmt: skip


def keep_in_view(chart: Any, renderers: Sequence[Any]) -> None:
    """Fits the vertical axis to the curves that are shown."""
    chart.y_range = DataRange1d(renderers=list(renderers), only_visible=True)


def add_hover(chart: Any, renderer: Any, *lines: tuple[str, str]) -> None:
    """Shows values under the pointer. Each line is a name and a field, with or without a format: ``"@y{%.6g}"``."""
    hover = HoverTool(
        renderers=[renderer],
        tooltips=[(as_label(name), field) for name, field in lines],
        formatters={field.partition("{")[0]: "printf" for _, field in lines if "{%" in field},
        visible=False,
    )
    chart.add_tools(hover)


def add_legend(chart: Any, labels: Sequence[str]) -> None:
    """Adds a legend below the figure, in as many columns as a narrow page has room for; a click hides a curve."""
    if not chart.legend:
        return
    (legend,) = chart.legend
    chart.center.remove(legend)
    chart.add_layout(legend, "below")
    legend.click_policy = "hide"
    legend.border_line_color = None
    legend.location = "left"
    legend.ncols = max(1, _NARROW // (_LETTER * max(len(as_label(label)) for label in labels) + _SAMPLE))
    legend.label_text_font_size = "12px"
    legend.spacing, legend.padding, legend.margin = 6, 2, 2


def on_both_scales(draw: Callable[[Scale], Any], values: np.ndarray, first: str) -> Any:
    """The figure on both scales, with a button for each; only on the linear scale if no value is positive."""
    if not (values > 0).any():
        return draw("linear")
    words: dict[Scale, str] = {"log": "logarithmic", "linear": "linear"}
    panels = [TabPanel(child=draw(scale), title=word) for scale, word in words.items()]
    return Tabs(tabs=panels, active=[*words].index("log" if first == "log" else "linear"), sizing_mode="stretch_width")


def some_steps(count: int, most: int) -> np.ndarray:
    """The indices of the steps to draw: all, or if there are too many, evenly chosen ones including both ends."""
    return np.arange(count) if count <= most else np.unique(np.linspace(0, count - 1, max(most, 2)).round().astype(int))
