"""Synthetic runs whose boundaries are known: curves without noise, on a grid of recorded steps."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

import progress_measures as pm
from tests.trust._noise import NOISES

KINDS = (
    "groks",
    "generalizes at once",
    "never generalizes",
    "stays at chance",
    "collapses for short times",
    "groks twice",
    "settles at 50 % of chance",
    "settles at 97 % of chance",
    "cut short",
)
GRIDS = ("even", "logarithmic", "square roots", "irregular")
CELLS = [(kind, noise, grid) for kind in KINDS for noise in NOISES for grid in GRIDS]
BOUNDARIES = ("memorization_end", "circuit_formation_end", "cleanup_end")
LOSSES = ("test_loss", "excluded_loss", "train_loss")
FLOORS = {"settles at 50 % of chance": 0.5, "settles at 97 % of chance": 0.97}  # as shares of chance
RESOLVED = 3  # so many recorded steps on either side of a boundary, and before the next, or it is not counted


@dataclass(frozen=True)
class Draw:
    """A run with noise, and where its boundaries are.

    ``truth`` has a step for each boundary, or None where there is none; a boundary that too few recorded steps show is
    left out. ``former`` is the fall that comes undone, of a run that groks twice.
    """

    kind: str
    noise: str
    grid: str
    answers: int
    clean: pm.Trajectory
    trajectory: pm.Trajectory
    truth: dict[str, float | None]
    former: float | None


@dataclass(frozen=True)
class _Times:
    m: float  # memorization ends
    c: float  # circuit formation ends
    u: float  # cleanup ends
    end: float
    undone: tuple[float, float] | None = None  # the first fall of a run that groks twice, and where it comes undone


def draw(generator: np.random.Generator, kind: str, noise: str, grid: str) -> Draw:
    """A run of a kind, drawn again until enough recorded steps show its fall."""
    while True:
        times = _times(generator, kind)
        steps = _steps(generator, grid, times.end)
        chance = math.log(answers := int(generator.integers(50, 150)))
        truth = _truth(kind, times)
        shown = {name: _shown(steps, times, name, truth[name]) for name in BOUNDARIES}
        if shown["circuit_formation_end"]:
            break
    columns = _columns(generator, kind, times, steps.astype(float), chance)
    if generator.random() < 0.5:
        del columns["train_loss"]
    spoilt = {name: NOISES[noise](generator, name, values, chance) for name, values in columns.items()}
    return Draw(
        kind,
        noise,
        grid,
        answers,
        pm.Trajectory(steps, columns),
        pm.Trajectory(steps, spoilt),
        {name: step for name, step in truth.items() if shown[name]},
        times.undone[0] if times.undone else None,
    )


def draws(count: int, seed: int = 0):
    """So many runs, as many of each kind, noise and family of grids."""
    generator = np.random.default_rng(seed)
    for index in range(count):
        yield draw(generator, *CELLS[index * 37 % len(CELLS)])  # 37 divides nothing here: any few runs are mixed


def _times(generator, kind):
    end = float(np.exp(generator.uniform(np.log(1000), np.log(300_000))))
    c = end * generator.uniform(0.05, 0.6)
    m = c * generator.uniform(0.1, 0.5)
    u = min(c * generator.uniform(1.2, 2.0), generator.uniform(0.7, 0.75) * end)
    undone = None
    if kind == "cut short":
        end = c * generator.uniform(1.15, 1.5)
    if kind == "groks twice":
        former = end * generator.uniform(0.05, 0.2)
        back = former + end * generator.uniform(0.05, 0.15)
        c = back + end * generator.uniform(0.1, 0.25)
        undone, m = (former, back), former * generator.uniform(0.1, 0.5)
        u = c + (0.75 * end - c) * generator.uniform(0.3, 1)
    if kind == "generalizes at once":
        c = end * generator.uniform(0.01, 0.1)
        m, u = c / 2, end * generator.uniform(0.3, 0.8)
    return _Times(m, c, u, float(round(end)), undone)


def _steps(generator, grid, end):
    count = int(np.exp(generator.uniform(np.log(15), np.log(1000.99))))
    if grid == "even":
        steps = np.linspace(0, end, count)
    elif grid == "logarithmic":
        steps = np.concatenate([[0], np.geomspace(1, end, count - 1)])
    elif grid == "square roots":
        steps = end * np.linspace(0, 1, count) ** 2
    else:  # a few stretches, each with a spacing of its own, and steps missing
        density = np.repeat(np.exp(generator.normal(size=8)), 8) * generator.exponential(size=64)
        passed = np.concatenate([[0], np.cumsum(density)])
        steps = np.interp(np.linspace(0, 1, count), passed / passed[-1], np.linspace(0, end, 65))
    return np.unique(np.round(steps).astype(np.int64))


def _truth(kind, times):
    memorizes = kind not in ("generalizes at once", "never generalizes", "stays at chance")
    falls = kind not in ("never generalizes", "stays at chance", "settles at 97 % of chance")
    cleans = falls and kind != "cut short"
    each = zip(BOUNDARIES, (memorizes, falls, cleans), (times.m, times.c, times.u), strict=True)
    return {name: step if there else None for name, there, step in each}


def _shown(steps, times, name, truth):
    if truth is None:
        return len(steps) >= 4 * RESOLVED
    former = times.undone[0] if times.undone else times.c
    edges = {
        "memorization_end": (0, times.m, former),
        "circuit_formation_end": (times.undone[1] if times.undone else 0, times.c, times.end),
        "cleanup_end": (times.c, times.u, 0.9 * times.end),
    }[name]
    low, at, high = np.searchsorted(steps, edges)
    return min(at - low, high - at) >= RESOLVED


def _curve(steps, nodes):
    """A curve that turns at its nodes alone: pairs of step and value, interpolated in logarithms."""
    times, values = np.asarray(nodes).T
    return np.exp(PchipInterpolator(times, np.log(values))(steps))


def _columns(generator, kind, times, steps, chance):
    if kind == "stays at chance":
        flat, near = np.full(len(steps), chance), generator.uniform(0.99, 1.01, size=3)
        losses = {name: share * flat for name, share in zip(LOSSES, near, strict=True)}
        return losses | {"sum_squared_weights": np.full(len(steps), 1800.0)}
    settled = generator.uniform(200, 2000)
    curves = _without_fall if kind == "never generalizes" else _with_fall
    train = [(0, chance), (times.m / 4, 1e-2), (times.m, 3e-3), (times.end, 2e-3)]
    least = 10 ** generator.uniform(-4.5, 0)  # what training loss comes down to, as a share of these
    nodes = curves(generator, kind, times, chance, settled)
    nodes["train_loss"] = [train[0], *((step, value * least) for step, value in train[1:])]
    columns = {name: _curve(steps, nodes[name]) for name in (*LOSSES, "sum_squared_weights")}
    if kind == "collapses for short times":
        shape = _collapses(generator, times, steps)
        for name, height in (("test_loss", 2 * chance), ("train_loss", 1.0), ("sum_squared_weights", 1.1 * settled)):
            values = columns[name]
            columns[name] = np.exp((1 - shape) * np.log(values) + shape * np.log(np.maximum(height, values)))
    return columns


def _bottom(generator, chance):
    """What excluded loss comes down to: in one run of five, not far."""
    deep = generator.random() < 0.8
    return chance * (10 ** generator.uniform(-4, -0.3) if deep else generator.uniform(0.4, 0.75))


def _descent(generator, times, chance):
    """Excluded loss until memorization ends."""
    bottom, start = _bottom(generator, chance), chance * generator.uniform(1, 1.02)
    return [(0, start), (times.m / 4, chance**0.4 * bottom**0.6), (times.m, bottom)]


def _without_fall(generator, _kind, times, chance, settled):
    uniform, peak = generator.uniform, chance * generator.uniform(1.5, 6)
    descent = _descent(generator, times, chance)
    return {
        "test_loss": [(0, chance * uniform(1, 1.02)), (times.m, peak), (times.end, peak * uniform(0.9, 1.5))],
        "excluded_loss": [*descent, (times.end, descent[-1][1] * uniform(0.1, 1))],
        "sum_squared_weights": [(0, settled), (times.m, 2 * settled), (times.end, settled * uniform(2, 3))],
    }


def _with_fall(generator, kind, times, chance, settled):
    uniform, m, c, u, end = generator.uniform, times.m, times.c, times.u, times.end
    floor = chance * FLOORS.get(kind, 10 ** uniform(-6, -1))
    low = c + (min(u, end) - c) * uniform(0.3, 1)
    start, peak, high = chance * uniform(1, 1.02), chance * uniform(1.5, 6), chance * uniform(1, 3)
    test = [(0, start), (m, peak), (c, chance), (low, floor), (end, 0.99 * floor)]
    excluded = [*_descent(generator, times, chance), (c, high), (end, 0.85 * high)]
    weights = [(0, 1.8 * settled), (m, 3.5 * settled), (c, settled * uniform(1.3, 2.2))]
    if kind != "cut short":
        weights += [(u, 1.05 * settled), (u + (0.8 * end - u) * uniform(0.3, 1), 1.002 * settled)]
    weights += [(end, settled)]
    if kind == "generalizes at once":
        test[1] = (m, chance * uniform(1.02, 1.3))
        excluded = [(0, start), (c, max(high, start)), (end, 2 * high)]
    if times.undone:
        former, back = times.undone
        first = [(former, chance), ((former + back) / 2, 2 * floor), (back, chance), ((back + c) / 2, peak)]
        test[2:2] = first
        excluded[-2] = (former, high)
    return {"test_loss": test, "excluded_loss": excluded, "sum_squared_weights": weights}


def _collapses(generator, times, steps):
    """How far the run has collapsed: several times, each at most 3 % of what is left of the run, a tenth in all."""
    left, shape = times.end - times.c, np.zeros(len(steps))
    for begin in times.c + left * np.sort(generator.uniform(0.1, 0.95, size=generator.integers(1, 5))):
        since = (steps - begin) / (left * generator.uniform(0.005, 0.025))
        shape = np.maximum(shape, np.where(since >= 0, np.clip(1.25 - since, 0, 1), 0))
    return shape
