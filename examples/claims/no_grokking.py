"""The table of ``examples/07_no_grokking.py``."""

from collections.abc import Mapping, Sequence

import progress_measures as pm
from examples.claims import Row
from examples.report import stays_below

PAPER_SHARES = {"40 %": "3109", "50 %": "956", "60 %": "440", "80 %": "252"}


def rows(
    curves: Mapping[str, pm.Trajectory],
    keys: Mapping[str, Sequence[int]],
    losses: Mapping[str, pm.Trajectory],
    shares: Mapping[str, str],
) -> list[Row]:
    """Curves, key frequencies and losses of every step by the names of runs; ``shares`` has names by share of pairs."""

    def below(name: str, bound: float = 0.1) -> str:
        """The recorded step from which on the test loss is below a bound."""
        step = stays_below(losses[name], "test_loss", bound)
        return f"not in {int(losses[name].steps[-1])}" if step is None else str(step)

    def listed(name: str) -> str:
        """The key frequencies of a run."""
        return ", ".join(map(str, keys[name])) or "none"

    def last(name: str, column: str) -> str:
        """The last value of a column."""
        return f"{curves[name][column][-1]:.2g}"

    def rise(name: str) -> str:
        """By what factor the loss without any one frequency rises above the least that it has been."""
        loss = curves[name]["excluded_loss_of_worst"]
        return f"factor {(loss / loss.cummin(0).values).max():.2g}"

    return [
        ("no weight decay: key frequencies", "none", listed("no_weight_decay")),
        ("no weight decay: training loss at the end", "-", last("no_weight_decay", "train_loss")),
        ("no weight decay: test loss at the end", "never groks", last("no_weight_decay", "test_loss")),
        ("no weight decay: rise without the worst frequency", "never rises", rise("no_weight_decay")),
        ("mainline: rise without the worst frequency", "rises", rise("mainline")),
        ("80% of the pairs: key frequencies", "not given", listed("fraction_80")),
        ("80% of the pairs: restricted loss at the end", "not given", last("fraction_80", "restricted_loss")),
        ("80% of the pairs: excluded loss at the end", "not given", last("fraction_80", "excluded_loss")),
        ("test loss below 0.1, 30% of the pairs", "7930", below("mainline")),
        *((f"test loss below 0.1, {s} of the pairs", paper, below(shares[s])) for s, paper in PAPER_SHARES.items()),
        ("test loss below 0.1, 20% of the pairs", "not in 40000", below("fraction_20")),
        ("test loss below 0.1, 10% of the pairs", "not in 40000", below("fraction_10")),
        ("test loss below 0.1, modulo 53", "never", below("prime_53")),
        ("test loss below 0.1, modulo 53, weight decay 5", "groks", below("prime_53_decay_5")),
        ("test loss below 0.1, modulo 401", "at once", below("prime_401")),
    ]
