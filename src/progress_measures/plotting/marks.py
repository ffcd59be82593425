"""Phases as shades behind the curves, and milestones as lines with a word above the picture."""

from matplotlib.axes import Axes

from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones

# For each field of `Phases`, the name and the colour of the phase that it ends; in grey, light, dark and light.
_PHASES = {
    "memorization_end": ("memorization", "#fbe3c2"),
    "circuit_formation_end": ("circuit formation", "#b7d3ee"),
    "cleanup_end": ("cleanup", "#d6edd3"),
}
_INK, _SIZE = "0.25", 7.5
_APART = 1.15  # a picture's axes become narrower than they are before its layout


def shade(ax: Axes, phases: Phases, *, start: int, end: int) -> None:
    """Shades each phase whose two ends are known, and the phase in which the run stopped to the end of the run.

    A boundary that is not settled is a dashed line.
    """
    stops = [getattr(phases, field) for field in _PHASES]
    starts = [start, *stops]
    for index, (field, (name, colour)) in enumerate(_PHASES.items()):
        begin, stop = starts[index], stops[index]
        event = phases.events.get(field)
        if stop is None and all(later is None for later in stops[index:]):
            # Without the columns that tell it, nobody knows whether the run left this phase.
            stop = end if event is None or event.absent in (None, "not reached") else None
        if begin is not None and stop is not None:
            ax.axvspan(begin, stop, color=colour, linewidth=0, label=name, zorder=0)
        if event is not None and event.step is not None and not event.settled:
            label = "_" if "end not settled" in ax.get_legend_handles_labels()[1] else "end not settled"
            _upright(ax, event.step, settled=False, label=label)
        if stop == end:
            return


def mark(ax: Axes, milestones: Milestones) -> None:
    """Draws a thin line with a word above the picture at each milestone that the run reached."""
    steps = {"memorized": milestones.memorized, "generalized": milestones.generalized}
    taken: list[tuple[int, float, float]] = []  # row, left and right end of each word
    for name, step in steps.items():
        if step is None:
            continue
        event = milestones.events.get(name)
        settled = event is None or event.settled
        _upright(ax, step, settled=settled)
        _word(ax, step, name if settled else f"{name} (not settled)", taken)
    if taken:
        # An axis of its own, which has nothing but room for the words: titles move above it.
        room = ax.secondary_xaxis("top")
        room.set_ticks([])
        room.spines["top"].set_visible(False)
        room.set_xlabel("\n".join([" "] * (1 + max(row for row, *_ in taken))), fontsize=_SIZE, labelpad=1)


def _upright(ax: Axes, step: int, *, settled: bool, label: str = "_") -> None:
    """Draws a thin line from the bottom to the top, behind the curves and dashed if it is not settled."""
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
