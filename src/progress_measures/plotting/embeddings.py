"""Pictures of an embedding: its first two principal components, or the plane of one frequency."""

from math import hypot

import torch
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from torch import Tensor

from progress_measures._checks.tensors import Array
from progress_measures._scaling import one_where_zero
from progress_measures.operations.checks import check_columns, check_frequencies
from progress_measures.operations.operation import Operation
from progress_measures.plotting._axes import axes
from progress_measures.plotting.colours import add_colour_bar

_NUMBERED, _SOME = 20, 8  # up to so many points are all numbered; of more points, about so many are numbered
_AWAY = 11  # points (1/72 inch) from a token's dot to its number
_MARGIN = 0.2  # room around all dots, over their largest coordinate
_NEAR, _RING = (
    0.98,
    1.35,
)  # of dots in front of a token: cosine of the angle between them, and most distance over its own


def plot_embedding(
    weights: Array, op: Operation, *, frequency: int | None = None, dim: int = 0, ax: Axes | None = None
) -> Axes:
    """Draws each token's embedding as a point in a plane.

    The plane is spanned by the first two principal components, which often mix several frequencies, or by one
    frequency, with its cosine to the right and its sine upwards. Both axes have the same unit, so circles appear as
    circles, and the mean of all tokens is in the middle. Points are coloured by token. In the plane of a frequency of a
    cyclic group, they are coloured by the angle of its wave: colours change smoothly around the circle if the tokens
    lie in order.

    Args:
        weights: Weights with one entry per element along ``dim``, such as the embedding W_E or the neuron-logit map
            W_L.
        op: The operation that the tokens belong to.
        frequency: The frequency whose plane is shown; if None, the principal components. If the frequency has more than
            two basis rows, the plane shows the first two principal components of its part of the weights.
        dim: The axis over the elements.
        ax: Where to draw; a new figure if None.

    Returns:
        The axes.

    Raises:
        TypeError: If ``weights`` are neither tensor nor array, or are complex, or ``frequency`` is not an integer.
        ValueError: If ``weights`` do not have n entries along ``dim``, have fewer than two columns, or are not finite;
            or if there is no such frequency, or it has only one basis row, as n/2 has.

    See Also:
        :func:`fit_waves`: the amplitude of each frequency in numbers.
        :func:`circle_fit`: for tokens that belong to no operation.

    Example:
        >>> op = pm.addition(7)
        >>> clock = pm.circuits.Clock(op, {2: 1.0})
        >>> plotting.plot_embedding(clock.embed.weight, op, frequency=2).get_xlabel()
        'along cos 2'
    """
    columns = _check_wide(weights, op, dim)
    points, names = _principal(columns) if frequency is None else _plane(columns, op, frequency)
    ax = axes(ax)
    tokens = op.elements.numpy()
    across, upward = points.T.numpy()
    colours, label, cmap = _colours(op, frequency)
    image = ax.scatter(across, upward, c=colours, cmap=cmap, s=22, edgecolors="0.25", linewidths=0.4)
    numbered = colours.argsort()
    if len(tokens) > _NUMBERED:
        numbered = numbered[:: len(tokens) // _SOME][:_SOME]
    for index in numbered.tolist():
        _number(ax, str(tokens[index]), *_outside(points, index))
    reach = points.abs().amax(0) + _MARGIN * points.abs().max()
    ax.update_datalim(torch.stack([-reach, reach]).numpy())
    ax.autoscale_view()
    add_colour_bar(image, ax, label)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xlabel=names[0], ylabel=names[1])
    return ax


def _number(ax: Axes, token: str, across: float, upward: float) -> None:
    """Writes a token next to a place, away from the middle, with a white edge where it is over points."""
    length = hypot(across, upward) or 1.0
    text = ax.annotate(
        token, (across, upward), xytext=(_AWAY * across / length, _AWAY * upward / length), textcoords="offset points",
        ha="center", va="center", fontsize="small", zorder=3,
    )  # fmt: skip
    text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])


def _outside(points: Tensor, index: int) -> list[float]:
    """A token's place, or further out if points of a ring are in front of it."""
    lengths = points.norm(dim=1)
    along = points @ points[index] / one_where_zero(lengths * lengths[index])
    ring = lengths[(along > _NEAR) & (lengths <= _RING * lengths[index])]
    return (points[index] * ring.max() / lengths[index] if len(ring) > 0 else points[index]).tolist()


def _colours(op: Operation, frequency: int | None) -> tuple[Tensor, str, str]:
    """One number per token, its name and its colours: on a circle, the angle of the wave, so that the order shows."""
    if frequency is None or not op.cyclic:
        return op.elements, "token", "viridis"
    return frequency * torch.arange(op.n) % op.n / op.n, f"angle in wave {frequency} (turns)", "twilight"


def _principal(columns: Tensor) -> tuple[Tensor, list[str]]:
    """The points in the plane of the first two principal components, and the share of the variance of each."""
    left, deviations, _ = torch.linalg.svd(columns, full_matrices=False)
    squares = (deviations / one_where_zero(deviations[:1])).square()
    share = squares / one_where_zero(squares.sum())
    points = _upright(left[:, :2] * deviations[:2])
    return points, [f"principal component {i + 1} ({100 * float(share[i]):.1f} %)" for i in range(2)]


def _plane(columns: Tensor, op: Operation, frequency: int) -> tuple[Tensor, list[str]]:
    """The points in the plane of a frequency, turned until its cosine points to the right."""
    (k,) = check_frequencies([frequency], op)
    rows = op.rows([k])
    if len(rows) < 2:
        raise ValueError(f"`frequency` must have two basis rows or more, which span a plane. Got {k}, with one.")
    coefficients = rows @ columns
    directions = torch.linalg.svd(coefficients, full_matrices=False)[2][:2]
    points = columns @ directions.T
    if len(rows) > 2:
        return _upright(points), [f"component {i + 1} of frequency {k}" for i in range(2)]
    (x, y), (to_x, to_y) = coefficients @ directions.T
    angle = torch.atan2(y, x)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    up = torch.where(-angle.sin() * to_x + angle.cos() * to_y < 0, -1.0, 1.0)
    return points @ turn * torch.stack([torch.ones_like(up), up]), _names_of_waves(op, k)


def _names_of_waves(op: Operation, k: int) -> list[str]:
    return [f"along cos {k}", f"along sin {k}"] if op.cyclic else [f"row {i + 1} of frequency {k}" for i in range(2)]


def _upright(points: Tensor) -> Tensor:
    """Flips an axis if the first token is on its left, so that the same weights always give the same picture."""
    return points * torch.where(points[:1] < 0, -1.0, 1.0)


def _check_wide(weights: object, op: Operation, dim: int) -> Tensor:
    """Requires one row per element and two columns or more; returns them minus their mean, on the CPU."""
    columns = check_columns(weights, op, dim, "weights")[0].detach().cpu()
    if columns.shape[1] < 2:
        raise ValueError(
            f"`weights` must have two columns or more beside the axis of the elements. Got {columns.shape[1]}."
        )
    return columns - columns.mean(0)
