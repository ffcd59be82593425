"""The picture: periods, weekdays and months, helix and polynomial, probes, and heads."""

import math

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from examples.number_embeddings.encoder import Encoder
from examples.number_embeddings.measured import MODULI, MONTHS, WEEKDAYS, Findings


def draw(encoder: Encoder, found: Findings) -> Figure:
    """Draws the results, in six panels."""
    figure, axes = plt.subplots(3, 2, figsize=(8.6, 11), layout="constrained")
    _periods(axes[0, 0], found)
    _probes(axes[0, 1], found)
    for ax, (name, tokens) in zip(axes[1], {"weekdays": WEEKDAYS, "months": MONTHS}.items(), strict=True):
        _circle(ax, encoder.embeddings(tokens).double(), tokens)
        fit = found.circles[name]
        ax.set(title=f"{name}: {fit.share:.2f}, in random order {fit.chance:.2f}")
    _helices(axes[2, 0], found)
    ax = axes[2, 1]
    for shift, (kind, scores) in enumerate(found.previous.items()):
        ax.bar([head + 0.4 * shift for head in range(len(scores))], scores.tolist(), 0.38, label=kind)
    ax.legend()
    ax.set(title="attention of layer 0 to the token before", xlabel="head", ylabel="mean weight", ylim=(0, 1))
    return figure


def _periods(ax: Axes, found: Findings) -> None:
    periods, control = torch.tensor(found.periods.periods), found.periods
    out = torch.tensor([period in control.standing_out(0.01) for period in control.periods])
    ax.plot(periods[~out], control.prominences[~out], "o", color="0.6")
    ax.plot(periods[out], control.prominences[out], "D", color="tab:red", label="stand out")
    largest = control.largest_prominences.max()
    ax.axhline(largest, ls="--", color="0.5", label=f"largest of {len(control.largest_shares)} permutations")
    ax.set(title="periods of the numbers 0 to 341", xlabel="period", ylabel="share over that of its neighbours")
    ax.legend()


def _circle(ax: Axes, rows: Tensor, names: list[str]) -> None:
    """Draws the tokens in the plane of the first harmonic of their order."""
    angle = 2 * torch.pi * torch.arange(len(rows)) / len(rows)
    centered = rows - rows.mean(0)
    plane = torch.linalg.qr((torch.stack([angle.cos(), angle.sin()]).double() @ centered).T).Q
    x, y = (centered @ plane).T
    ax.plot([*x, x[0]], [*y, y[0]], "o-", color="tab:blue")
    for name, (right, up) in zip(names, zip(x.tolist(), y.tolist(), strict=True), strict=True):
        length = math.hypot(right, up)
        away = 18 * right / length, 13 * up / length  # points outwards, so that no line is behind the name
        ax.annotate(name[:3], (right, up), xytext=away, textcoords="offset points", ha="center", va="center")
    ax.margins(0.25, 0.15)
    ax.set_aspect("equal")


def _helices(ax: Axes, found: Findings) -> None:
    labels = [f"{name}\n{kind}" for name in found.helices for kind in ("in sample", "held out")]
    for shift, curve in enumerate(("helix", "polynomial")):
        pairs = [(getattr(fit, curve), getattr(fit, f"{curve}_held_out")) for fit in found.helices.values()]
        heights = [float(value) for pair in pairs for value in pair]
        ax.bar([place + 0.4 * shift for place in range(len(labels))], heights, 0.38, label=curve)
    ax.set(title="explained variance, 8 terms each", xticks=[place + 0.2 for place in range(len(labels))])
    ax.set_xticklabels(labels)
    ax.legend()


def _probes(ax: Axes, found: Findings) -> None:
    places = range(len(MODULI))
    for shift, (name, probes) in enumerate(found.probes.items()):
        ax.bar(
            [place + 0.4 * shift for place in places], [probe.accuracy for probe in probes.values()], 0.38, label=name
        )
    for place, modulus in zip(places, MODULI, strict=True):
        label = "chance" if modulus == MODULI[0] else None
        ax.plot([place - 0.2, place + 0.6], [1 / modulus] * 2, "k:", lw=1.5, label=label)
    ax.set(title="probe of the number modulo T, held out", xlabel="T", ylabel="accuracy")
    ax.set_xticks([place + 0.2 for place in places], MODULI)
    ax.legend()
