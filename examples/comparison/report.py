"""The table and the picture of the comparison."""

import math
from collections.abc import Iterable

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from examples.comparison.findings import Finding

HEADINGS = (
    "measure",
    "a tenth of its change",
    "half of its change",
    "lead in steps (range)",
    "announces in vain",
    "cost",
    "known in advance",
)


def cells(row: Finding) -> tuple[str, ...]:
    """One line of the table, as text."""
    leads = sorted(steps for steps in row.leads[0.5] if steps is not None)
    lead = (
        f"{_median(leads):,.0f} ({leads[0]:,} to {leads[-1]:,})" if leads and not math.isnan(row.median(0.5)) else "–"
    )
    false = "–" if row.false[0.5] is None else f"{row.false[0.1]}, {row.false[0.5]} of {row.controls}"
    cost = "–" if math.isnan(row.cost) else "< 0.1" if row.cost < 0.1 else f"{row.cost:.2g}"
    return (row.measure.title, _moved(row, 0.1), _moved(row, 0.5), lead, false, cost, row.measure.known)


def _moved(row: Finding, share: float) -> str:
    """The median over the seeds, and from the first to the last of them."""
    found = [x for x in row.progress[share] if math.isfinite(x)]
    missing = len(row.progress[share]) - len(found)
    if not found or math.isnan(row.median(share)):
        return "no change" if missing > len(found) else "–"
    text = f"{row.median(share):.2f} ({min(found):.2f} to {max(found):.2f})"
    return text if missing == 0 else f"{text}, {len(found)} of {len(row.progress[share])}"


def _median(numbers: list[int]) -> float:
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def table(rows: Iterable[Finding]) -> str:
    """The table in Markdown, its columns aligned."""
    lines = [HEADINGS, *(cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    return "\n".join([text[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *text[1:]])


def draw(rows: Iterable[Finding]) -> Figure:
    """Each measure's onsets in the seeds beside those of the others, and where it announces in vain."""
    rows = list(rows)
    figure, (ax, beside) = plt.subplots(
        1, 2, figsize=(9, 0.27 * len(rows) + 1.2), width_ratios=(5, 1), sharey=True, layout="constrained"
    )
    for place, row in enumerate(rows):
        _onsets(ax, place, row)
        if row.false[0.5] is None:
            beside.text(0, place, "–", ha="center", va="center", color="0.5")
        else:
            beside.barh(place, row.false[0.1], color="0.8", height=0.7)
            beside.barh(place, row.false[0.5], color="#b2182b", height=0.4)
    ax.axvline(0, color="0.4", lw=0.8)
    ax.axvline(1, color="0.4", lw=0.8)
    ax.set(
        yticks=range(len(rows)), yticklabels=[row.measure.title for row in rows], ylim=(len(rows) - 0.4, -0.6),
        xlabel="0: memorized   1: test loss falls below chance",
    )  # fmt: skip
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.legend(*_legend(ax), loc="lower right", fontsize="small")
    controls = max(row.controls for row in rows)
    beside.set(xlim=(-0.2, controls + 0.2), xticks=range(controls + 1), xlabel="runs in which\nit moves in vain")
    beside.tick_params(axis="y", left=False)
    return figure


def _onsets(ax: Axes, place: int, row: Finding) -> None:
    for share, shape, colour in ((0.1, "|", "0.45"), (0.5, "o", "#2166ac")):
        found = [x for x in row.progress[share] if math.isfinite(x)]
        if math.isnan(row.median(share)):
            continue
        label = f"{'a tenth' if share == 0.1 else 'half'} of its change"
        ax.plot(found, [place] * len(found), shape, color=colour, alpha=0.6, ms=6 if shape == "|" else 4, label=label)
        if share == 0.5:
            ax.plot([row.median(share)], [place], "D", color="#b2182b", ms=5, label="median of half")


def _legend(ax: Axes) -> tuple[list[object], list[str]]:
    """One entry per kind of mark."""
    by_label = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    return [*by_label.values()], [*by_label]
