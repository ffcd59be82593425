"""Ticks at some frequencies, without overlapping labels."""

from collections.abc import Collection, Sequence

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import LogFormatterSciNotation, MaxNLocator

from progress_measures.operations.operands import label_of_bits

_FEWEST_APART = 25  # the number of labels that have room along an axis


def ticks(rows: list[int], labels: list[str]) -> tuple[list[float], list[str]]:
    """Positions and labels of the ticks; neighbours whose labels would overlap share one, such as "cos 5, cos 6"."""
    groups: list[list[int]] = []
    for row in rows:
        if groups and row - groups[-1][-1] < len(labels) / _FEWEST_APART:
            groups[-1].append(row)
        else:
            groups.append([row])
    return [sum(group) / len(group) for group in groups], [", ".join(labels[row] for row in group) for group in groups]


def name_frequencies(axis: Axis, key_frequencies: Collection[int], count: int) -> None:
    """Names the key frequencies among 1..count along an axis; without key frequencies, a few whole numbers."""
    if not key_frequencies:
        return whole_numbers(axis)
    places, labels = ticks(sorted(k - 1 for k in key_frequencies), [str(k + 1) for k in range(count)])
    axis.set_ticks([place + 1 for place in places], labels)
    return None


def whole_numbers(*axes: Axis) -> None:
    """Sets ticks at whole numbers only."""
    for axis in axes:
        axis.set_major_locator(MaxNLocator(integer=True))


class _PlainIfShort(LogFormatterSciNotation):
    """Labels a logarithmic axis of less than two decades with 1, 2, 3 rather than 10⁰, 2×10⁰, 3×10⁰."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        shown: str = super().__call__(x, pos)
        low, high = self.axis.get_view_interval()  # type: ignore[union-attr]  # it labels an axis
        return f"{x:g}" if shown and high < 100 * low and 1e-3 <= low <= high <= 1e4 else shown


def plain_powers(axis: Axis) -> None:
    """Has a short logarithmic axis show plain numbers."""
    axis.set_major_formatter(_PlainIfShort())
    axis.set_minor_formatter(_PlainIfShort(labelOnlyBase=False, minor_thresholds=(1.5, 0.6)))


def rows_of_names(ax: Axes, names: list[str]) -> None:
    """Names the rows of a picture, the first one on top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)


def label_of_tuple(frequency: tuple[int, ...], sizes: Sequence[int]) -> str:
    """The subset of a frequency of bits; otherwise its integers."""
    if set(sizes) == {2}:
        return label_of_bits([place for place, k in enumerate(frequency) if k])
    return str(frequency)
