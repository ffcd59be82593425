"""The picture of the paper's transformer on the gallery's overview page: its matrices, and where W_L is."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WEIGHTS, ACTIVATIONS, STREAM = "#cfe2f3", "#fde6cd", "#e8e8e8"


def draw_transformer() -> Figure:
    """Draws the way from the tokens ``a b =`` to the logits, from left to right."""
    figure, ax = plt.subplots(figsize=(5.6, 3.6))
    ax.set(xlim=(0, 10), ylim=(0.1, 6.05))
    ax.set_axis_off()
    for name, y in zip(("a", "b", "="), (4.7, 3.5, 2.3), strict=True):
        _box(ax, 0.45, y, 0.7, 0.8, name, ACTIVATIONS)
        _arrow(ax, (0.8, y), (1.3, 3.5 + 0.5 * (y - 3.5)))
    _box(ax, 1.75, 3.5, 0.9, 2.6, "$W_E$", WEIGHTS)
    ax.text(1.75, 1.95, "embedding", ha="center", va="center", fontsize="small")
    _arrow(ax, (2.2, 3.5), (2.55, 3.5))
    _box(ax, 6.0, 3.5, 6.9, 0.7, "", STREAM)
    ax.text(4.4, 3.5, "residual stream at =", ha="center", va="center", zorder=4)
    for x, weights, text in ((3.6, "4 heads", "weigh a, b, ="), (6.4, "512 neurons", "MLP")):
        _box(ax, x, 5.35, 1.9, 1.1, f"{weights}\n{text}", ACTIVATIONS)
        _arrow(ax, (x - 0.75, 3.85), (x - 0.75, 4.8))
    _arrow(ax, (4.35, 4.8), (4.35, 3.85))
    _box(ax, 8.35, 5.35, 1.1, 1.1, "$W_{out}$", WEIGHTS)
    _arrow(ax, (7.35, 5.35), (7.8, 5.35))
    _arrow(ax, (8.35, 4.8), (8.35, 3.85))
    _box(ax, 8.35, 2.1, 2.0, 0.9, "$W_U$\nunembedding", WEIGHTS)
    _arrow(ax, (8.35, 3.15), (8.35, 2.55))
    _box(ax, 8.35, 0.6, 3.0, 0.75, "logits of the answers c", ACTIVATIONS)
    _arrow(ax, (8.35, 1.65), (8.35, 0.98))
    # W_L is the way from the neurons to the logits.
    style = {"arrowstyle": "-|>", "linestyle": "--", "color": "#c0392b", "linewidth": 1.6, "mutation_scale": 12}
    bend = style | {"connectionstyle": "arc3,rad=-0.2"}
    ax.annotate("", (7.1, 0.98), (5.9, 4.8), arrowprops=bend, zorder=3)
    ax.text(6.3, 1.75, "$W_L = W_U\\, W_{out}$:\nneurons to logits", color="#c0392b", ha="right", va="center")
    return figure


def _box(ax: Axes, x: float, y: float, width: float, height: float, text: str, colour: str) -> None:
    """A named box around a middle."""
    ax.add_patch(
        plt.Rectangle((x - width / 2, y - height / 2), width, height, facecolor=colour, edgecolor="0.3", zorder=2)
    )
    ax.text(x, y, text, ha="center", va="center", zorder=4)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": "0.3", "shrinkA": 0, "shrinkB": 0})
