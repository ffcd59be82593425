"""Synthetic spectra: random, and with planted frequencies."""

from collections.abc import Iterator

import numpy as np
import torch

import progress_measures as pm
from examples.key_frequencies.rules import SPECTRA

RANDOM, PLANTED = 4000, 50  # spectra of each kind
OP = pm.addition(113)


def rates() -> dict[str, dict[str, float]]:
    """By kind of spectrum and rule: the share of spectra in which the rule names exactly the planted frequencies."""
    return {
        kind: {
            rule: float(np.mean([names(power, op) == keys for power, keys in spectra]))
            for rule, names in SPECTRA.items()
        }
        for kind, op, spectra in _kinds()
    }


def _kinds() -> Iterator[tuple[str, pm.Operation, list[tuple[np.ndarray, tuple[int, ...]]]]]:
    for columns in (1, 8, 64):
        for count, ratio in ((1, 1), (5, 1), (5, 200), (10, 100)):
            kind = f"{count} planted, {ratio} : 1, {_columns(columns)}"
            yield kind, OP, [_planted(count, ratio, columns, seed) for seed in range(PLANTED)]
    for columns in (1, 8, 64):
        spectra = [(_power(OP, columns, seed, walk=False), ()) for seed in range(RANDOM)]
        yield f"random weights, {_columns(columns)}", OP, spectra
    for name, op in (("S5", pm.groups.symmetric_group(5)), ("Z/31", pm.addition(31))):
        yield f"random weights, {name}, 1 column", op, [(_power(op, 1, s, walk=False), ()) for s in range(RANDOM)]
    for columns in (1, 8, 64):
        spectra = [(_power(OP, columns, seed, walk=True), ()) for seed in range(RANDOM)]
        yield f"random walks over tokens, {_columns(columns)}", OP, spectra


def _columns(count: int) -> str:
    return f"{count} column{'s'[: count != 1]}"


def _planted(count: int, ratio: float, columns: int, seed: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """Planted powers from the ratio down to 1, on the spectrum of a random matrix with mean 0.02."""
    noise = _power(OP, columns, seed, walk=False)
    generator = np.random.default_rng(seed)
    keys = 1 + generator.permutation(len(OP.frequencies))[:count]
    power = 0.02 * noise / noise.mean()
    power[keys - 1] = np.geomspace(ratio, 1, count)
    return power, tuple(sorted(keys.tolist()))


def _power(op: pm.Operation, columns: int, seed: int, *, walk: bool) -> np.ndarray:
    matrix = torch.randn(op.n, columns, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    power: np.ndarray = pm.spectrum(matrix.cumsum(0) if walk else matrix, op).numpy()
    return power
