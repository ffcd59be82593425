"""The table and the picture of the comparison."""

import math
import statistics
from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.comparison.findings import SHARES, Finding

LATEST = 2.0  # later onsets are drawn here: few measures have one, and in few tasks
HEADINGS = (
    "measure",
    "a tenth",
    "half",
    "half, other tasks",
    "lead of half, steps",
    "lead if at once",
    "false alarms",
    "cost",
    "known in advance",
)


def cells(row: Finding) -> tuple[str, ...]:
    """One line of the table, as text."""
    tenth, half = ("–" if math.isnan(row.median(share)) else f"{row.median(share):.2f}" for share in (0.1, 0.5))
    moves = not math.isnan(row.median(0.5))
    leads = sorted(steps for steps in row.leads[0.5] if steps is not None)
    return (
        row.title,
        tenth,
        half if moves else "no change" if row.progress[0.5] else "not recorded",
        _range([onsets[0.5] for onsets in row.tasks.values()]),
        f"{_hundreds(statistics.median(leads))} ({_hundreds(leads[0])} to {_hundreds(leads[-1])})" if moves else "–",
        "–" if row.at_once is None else f"{row.at_once:,}".replace("-", "−"),
        "–" if row.false[0.5] is None else f"{row.false[0.1]}, {row.false[0.5]} of {row.controls}",
        "–" if math.isnan(row.cost) else "<0.1" if row.cost < 0.1 else f"{row.cost:.2g}",
        row.measure.known,
    )


def _hundreds(steps: float) -> str:
    """Steps, rounded because checkpoints are 400 steps apart."""
    return f"{round(steps, -2):,.0f}".replace("-0", "0").replace("-", "−")


def _range(onsets: list[float]) -> str:
    """The first and the last onset; if some are missing, also the number of onsets."""
    found = [x for x in onsets if math.isfinite(x)]
    missing = "" if len(found) == len(onsets) else f", {len(found)} of {len(onsets)}"
    if len(found) == 1:
        return f"{found[0]:.2f}{missing}"
    return f"{min(found):.2f} to {max(found):.2f}{missing}" if found else "–"


def numbers(row: Finding) -> dict[str, object]:
    """One line of the CSV: the unrounded numbers of a measure, empty if there is none."""
    found: dict[str, object] = {"measure": row.name, "scale": row.scale, "known": row.measure.known, "cost": row.cost}
    for share in SHARES:
        leads = [steps for steps in row.leads[share] if steps is not None]
        spread = (statistics.median(leads), min(leads), max(leads)) if leads else ("", "", "")
        found[f"onset_{share}"] = row.median(share)
        found |= zip((f"lead_{share}", f"lead_{share}_min", f"lead_{share}_max"), spread, strict=True)
        found[f"in_vain_{share}"] = row.false[share]
        found |= {f"onset_{share}_{run}": onsets[share] for run, onsets in row.tasks.items()}
    return found | {"lead_at_once": row.at_once, "controls": row.controls}


def table(rows: Iterable[Finding]) -> str:
    """The table in Markdown, with aligned columns."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rules = ["-" * width for width in widths]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in [padded[0], rules, *padded[1:]])


def draw(rows: Iterable[Finding]) -> Figure:
    """The onsets of all measures, one row each, and their false alarms."""
    rows = list(rows)
    figure, (ax, beside) = plt.subplots(
        1, 2, figsize=(7.4, 0.27 * len(rows) + 2.2), width_ratios=(5, 1), sharey=True, layout="constrained"
    )
    for place, row in enumerate(rows):
        _onsets(ax, place, row)
        if row.false[0.5] is None:
            beside.text(0, place, "–", ha="center", va="center", color="0.5")
        else:
            beside.barh(place, row.false[0.1], color="0.8", height=0.7, label="false alarms by a tenth")
            beside.barh(place, row.false[0.5], color="#b2182b", height=0.4, label="false alarms by half")
    ax.axvline(0, color="0.4", lw=0.8)
    ax.axvline(1, color="0.4", lw=0.8)
    ax.set(
        yticks=range(len(rows)), yticklabels=[row.title for row in rows], ylim=(len(rows) - 0.4, -0.6),
        xlabel="0: memorized   1: test loss falls below chance",
        xlim=(-0.1, LATEST + 0.05),
    )  # fmt: skip
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    figure.legend(*_legend(ax, beside), loc="outside lower center", ncols=2, fontsize="small", frameon=False)
    figure.suptitle("When each measure changes, and how often in vain")
    controls = max(row.controls for row in rows)
    beside.set(xlim=(-0.2, controls + 0.2), xticks=range(controls + 1), xlabel=f"of {controls} runs")
    beside.set_title("false alarms", fontsize="small")
    beside.tick_params(axis="y", left=False)
    return figure


def _onsets(ax: Axes, place: int, row: Finding) -> None:
    """Draws the onsets of one measure in a row, if most seeds have one."""
    if math.isnan(row.median(0.5)):
        return
    drawn = {
        "a tenth of its change, each seed": (row.progress[0.1], "|", 6, "0.3"),
        "half of it, each seed": (row.progress[0.5], "o", 4, "#4393c3"),
        "half of it, other tasks": ([onsets[0.5] for onsets in row.tasks.values()], "x", 5, "0.55"),
        "half of it, median of the seeds": ([row.median(0.5)], "D", 5, "#b2182b"),
    }
    for label, (onsets, shape, size, colour) in drawn.items():
        inside = [x for x in onsets if x <= LATEST]
        ax.plot(inside, [place] * len(inside), shape, color=colour, ms=size, label=label)
        if any(x > LATEST for x in onsets):
            ax.plot([LATEST], [place], ">", color=colour, ms=5, label=f"half, other task: beyond {LATEST:g}")


def _legend(*axes: Axes) -> tuple[list[object], list[str]]:
    """One entry per kind of mark and bar."""
    by_label = {label: handle for ax in axes for handle, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    return [*by_label.values()], [*by_label]
