"""Phases as shades and chance as a line behind the curves; milestones as lines with a word above the picture."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from progress_measures.phases.boundaries import NOT_SETTLED, Phases
from progress_measures.phases.milestones import Milestones

# The colour of each phase; in grey, light, dark and light.
_COLOURS = {"memorization": "#fbe3c2", "circuit formation": "#b7d3ee", "cleanup": "#d6edd3", "after cleanup": "#ffffff"}
MILESTONES = ("memorized", "generalized")  # the fields of `Milestones` that are steps of the run
_INK, _SIZE = "0.25", 7.5
_APART = 1.15  # a picture's axes become narrower than they are before its layout


def shade(ax: Axes, phases: Phases, *, start: int, end: int) -> None:
    """Shades the phases between known boundaries; a boundary that has not settled is a dashed line."""
    for begin, stop, name, colour in spans(phases, start=start, end=end):
        ax.axvspan(begin, stop, color=colour, linewidth=0, label=name, zorder=0)
    for event in phases.events.values():
        if event.step is not None and not event.settled:
            label = "_" if "end not settled" in ax.get_legend_handles_labels()[1] else "end not settled"
            _upright(ax, event.step, settled=False, label=label)


def spans(phases: Phases, *, start: int, end: int) -> Iterator[tuple[int, int, str, str]]:
    """First step, last step, name and colour of each phase. If it may be one of several, the mean of their colours.

    Steps after cleanup are left out, and so are all steps if no boundary is known and the run may be in several phases.
    """
    stops = sorted({step for step in vars(phases).values() if step is not None and start < step < end} | {end})
    for begin, stop in pairwise([start, *stops]):
        name = phases.at(stop).removesuffix(NOT_SETTLED)
        named = [to_rgb(_COLOURS[phase]) for phase in name.split(" or ")]
        if name != "after cleanup" and (len(named) == 1 or len(stops) > 1):
            yield begin, stop, name, to_hex(np.mean(named, axis=0))


def draw_chance(ax: Axes, height: float) -> None:
    """Draws a line of fine dots behind the curves at the loss or accuracy of a guess."""
    ax.axhline(height, color="0.3", linewidth=1.2, linestyle=(0, (1, 2.5)), label="chance", zorder=1.5)


def mark(ax: Axes, milestones: Milestones) -> None:
    """Draws a thin line with a word above the picture at each milestone that the run reached."""
    steps = {name: getattr(milestones, name) for name in MILESTONES}
    taken: list[tuple[int, float, float]] = []  # row, left and right end of each word
    for name, step in steps.items():
        if step is None:
            continue
        settled = milestones.events[name].settled
        _upright(ax, step, settled=settled)
        _word(ax, step, name if settled else f"{name} (not settled)", taken)
    if taken:
        # An extra axis that only reserves room for the words: titles move above it.
        room = ax.secondary_xaxis("top")
        room.set_ticks([])
        room.set_ticks([], minor=True)
        room.spines["top"].set_visible(False)
        room.set_xlabel("\n".join([" "] * (1 + max(row for row, *_ in taken))), fontsize=_SIZE, labelpad=1)


def _upright(ax: Axes, step: int, *, settled: bool, label: str = "_") -> None:
    """Draws a thin line from the bottom to the top behind the curves, dashed if the event has not settled."""
    ax.vlines(
        step, 0, 1, transform=ax.get_xaxis_transform(), colors=_INK, linewidths=0.9,
        linestyles="solid" if settled else "dashed", label=label, zorder=1.5,
    )  # fmt: skip


def _word(ax: Axes, step: int, word: str, taken: list[tuple[int, float, float]]) -> None:
    """Writes a word above the axes at a step, a row higher where it would overlap another one."""
    place = ax.transAxes.inverted().transform(ax.transData.transform((step, 1)))[0]
    side = "left" if place < 0.12 else "right" if place > 0.88 else "center"
    text = ax.annotate(
        word, (step, 1), xycoords=ax.get_xaxis_transform(), xytext=(0, 2), textcoords="offset points",
        ha=side, va="bottom", fontsize=_SIZE, color=_INK, annotation_clip=False,
    )  # fmt: skip
    box = text.get_window_extent()
    spare = box.width * (_APART - 1)
    left, right = box.x0 - spare, box.x1 + spare
    row = next(row for row in range(9) if not any(row == r and left < b and a < right for r, a, b in taken))
    text.set_position((0, 2 + row * _SIZE * 1.25))
    taken.append((row, left, right))
