"""The compared rules, and the measures of the frequencies that each names."""

import math
from collections.abc import Callable

import numpy as np

import progress_measures as pm
from examples.key_frequencies.networks import Case

Keys = tuple[int, ...]
GENERALIZES = 0.95  # test accuracy


def former(power: np.ndarray, rows: np.ndarray) -> Keys:
    """The rule of 0.1.0: the powers above the last drop by 4 that fewer than 1 in 1000 exponential spectra have."""
    per_row = power / rows
    order = np.argsort(-per_row)
    ranked = np.maximum(per_row[order], 1e-12 * per_row.max())
    drop, rank = ranked[:-1] / ranked[1:], np.arange(1, len(ranked))
    visible = (ranked[:-1] >= 0.005 * ranked.sum()) | (ranked[1:] <= 1e-12 * ranked[0])
    likely = [math.exp(_log_chance(int(j), float(r), len(ranked))) < 1e-3 for j, r in zip(rank, drop, strict=True)]
    last = np.flatnonzero((drop >= 4) & visible & likely).max(initial=-1)
    return tuple(sorted(int(index) + 1 for index in order[: last + 1]))


def _log_chance(rank: int, drop: float, count: int) -> float:
    return sum(math.log(i / (i + rank * (drop - 1))) for i in range(rank + 1, count + 1))


def rules_of(case: Case) -> dict[str, Keys | None]:
    """The frequencies that each rule names; None if the rule does not apply."""
    op, power = case.op, pm.logit_spectrum(case.logits, case.op)

    def of_weights(name: str) -> Keys | None:
        matrix = case.weights.get(name)
        return None if matrix is None else pm.key_frequencies(pm.spectrum(matrix, op), op, weights=matrix)

    return {
        "former": former(power.numpy(), np.array(op.rows_per_frequency)),
        "default": pm.key_frequencies(power, op),
        "share 0.9": pm.key_frequencies(power, op, share=0.9),
        "sufficient": pm.sufficient_frequencies(case.logits, op),
        "default, W_L": of_weights("W_L"),
        "default, W_E": of_weights("W_E"),
    }


def measured(case: Case) -> dict[str, object]:
    """The entries of a checkpoint in the table: its test accuracy, and the frequencies that each rule names."""
    op, logits = case.op, case.logits
    own = float(pm.cross_entropy(logits, op)), float(pm.accuracy(logits, op))
    is_test = ~case.train_mask
    test = float(pm.accuracy(logits, op, mask=is_test)) if bool(is_test.any()) else math.nan
    found: dict[str, object] = {}
    judged: dict[Keys, tuple[bool, bool]] = {}
    for rule, keys in rules_of(case).items():
        if keys and keys not in judged and test >= GENERALIZES:
            judged[keys] = _enough(case, keys, *own), _needed(case, keys)
        enough, needed = judged.get(keys or (), (False, False))
        found[rule] = None if keys is None else {"keys": keys, "enough": enough, "needed": needed}
    return {"group": case.group, "run": case.run, "step": case.step, "test_accuracy": test, "rules": found}


def _enough(case: Case, keys: Keys, loss: float, accuracy: float) -> bool:
    """Whether the frequencies suffice: accuracy lower by at most a point, and at most twice the loss or 0.01."""
    kept = pm.restrict(case.logits, case.op, keys)
    restricted = float(pm.cross_entropy(kept, case.op)), float(pm.accuracy(kept, case.op))
    return restricted[0] <= max(2 * loss, 0.01) and restricted[1] >= accuracy - 0.01


def _needed(case: Case, keys: Keys) -> bool:
    """Whether the network needs them: without them, its loss over all inputs is at least half of chance."""
    return float(pm.excluded_loss(case.logits, case.op, keys)) >= math.log(case.op.n) / 2


SPECTRA: dict[str, Callable[[np.ndarray, pm.Operation], Keys]] = {
    "former": lambda power, op: former(power, np.array(op.rows_per_frequency)),
    "default": lambda power, op: pm.key_frequencies(power, op),
    "share 0.9": lambda power, op: pm.key_frequencies(power, op, share=0.9),
}
"""The rules that need only a spectrum."""
