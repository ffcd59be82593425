"""A picture of models between an ideal clock and an ideal pizza."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from torch import Tensor

from progress_measures._checks.columns import check_numeric
from progress_measures._checks.tensors import Array, check_finite
from progress_measures._checks.values import shape_of
from progress_measures.plotting._axes import axes
from progress_measures.plotting._text import as_text
from progress_measures.plotting.checks import ROUNDING, check_named
from progress_measures.plotting.colours import MARKERS, shades_of
from progress_measures.plotting.legends import add_legend

_IDEAL = (("clock", 0.0, 1.0, "0.55"), ("pizza", 1.0, 0.0, "white"))


def plot_clock_or_pizza(points: Mapping[str, Array | Sequence[float | Tensor]], *, ax: Axes | None = None) -> Axes:
    """Draws models by gradient symmetricity and distance irrelevance, with stars for the ideal circuits.

    An ideal clock has a symmetricity of 0 and an irrelevance of 1; an ideal pizza has 1 and 0.

    Args:
        points: A mapping from names to pairs, the results of :func:`gradient_symmetricity` and of
            :func:`distance_irrelevance`.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``points`` is not a mapping, or holds anything but numbers.
        ValueError: If there is no point, or a point is not two finite numbers, the first in [-1, 1] and the second in
            [0, 1].

    See Also:
        :func:`gradient_symmetricity`, :func:`distance_irrelevance`: the two numbers.

    References:
        Zhong et al. (2023), "The clock and the pizza", figure 7.

    Example:
        >>> ax = plotting.plot_clock_or_pizza({"mainline": (0.36, 0.9), "pizza": (1.0, 0.0)})
        >>> ax.get_xlabel(), ax.get_ylabel()
        ('gradient symmetricity', 'distance irrelevance')
    """
    places = {name: _check_place(pair, name) for name, pair in check_named(points, "points").items()}
    ax = axes(ax)
    for name, x, y, colour in _IDEAL:
        ax.plot(x, y, "*", color=colour, markersize=12, markeredgecolor="0.2", linestyle="none", label=f"ideal {name}",
                zorder=1.8)  # fmt: skip
    for index, (colour, (name, (x, y))) in enumerate(zip(shades_of(len(places)), places.items(), strict=True)):
        ax.plot(x, y, MARKERS[index % len(MARKERS)], color=colour, markersize=7, markeredgecolor="0.2",
                markeredgewidth=0.6, linestyle="none", label=as_text(name))  # fmt: skip
    ax.set(xlim=(min(-0.1, *(x - 0.1 for x, _ in places.values())), 1.1), ylim=(-0.1, 1.1))
    ax.set(xlabel="gradient symmetricity", ylabel="distance irrelevance")
    add_legend(ax, outside=False)
    return ax


def _check_place(pair: object, name: str) -> tuple[float, float]:
    """Requires a symmetricity in [-1, 1] and an irrelevance in [0, 1], to within rounding."""
    where = f"points[{name!r}]"
    numbers = check_finite(check_numeric(pair, where), where)
    if numbers.shape != (2,):
        raise ValueError(f"`{where}` must be two numbers, symmetricity and irrelevance. Got shape {shape_of(numbers)}.")
    x, y = numbers.tolist()
    if not (abs(x) <= 1 + ROUNDING and -ROUNDING <= y <= 1 + ROUNDING):
        raise ValueError(
            f"`{where}` must be a symmetricity in [-1, 1] and an irrelevance in [0, 1]. Got ({x:g}, {y:g}). "
            "They come in this order."
        )
    return x, y
