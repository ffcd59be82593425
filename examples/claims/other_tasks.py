"""The table of ``examples/08_other_tasks.py``."""

import math
from collections.abc import Mapping

import progress_measures as pm
from examples.claims import Row
from examples.other_tasks.training import RUNS
from examples.report import stays_below


def rows(curves: Mapping[str, pm.Trajectory]) -> list[Row]:
    """The curves of each run, by its name."""

    def fall(name: str, column: str, bound: float, entry: int | None = None) -> str:
        """The step from which on a loss, or one entry of a column of several, stays below a bound."""
        step = stays_below(curves[name], column, bound, entry)
        return f"not in {RUNS[name].steps}" if step is None else f"{step}"

    def falls(name: str, bound: float = 0.5) -> str:
        """The steps at which training and test loss fall."""
        return f"{fall(name, 'train_loss', bound)}, {fall(name, 'test_loss', bound)}"

    def digit(number: int) -> str:
        """The step at which one digit's test loss falls below half of a guess's; the first digit is 0 or 1."""
        return fall("addition_unlimited", "position_loss", math.log(10 if number else 2) / 2, number)

    # Loss on repeats is over the tokens that can be known; the paper does not say over which tokens its loss is.
    induction = curves["repeats_unlimited"]
    first, last = induction["test_loss"][0], induction["test_loss"][-1]
    at_1000 = induction["test_loss"][induction.steps <= 1000][-1]
    found = []
    for task, size in {"trigrams": 512, "repeats": 512, "addition": 700}.items():
        found += [
            (f"{task}, limited: number of training sequences", f"{size}", f"{RUNS[f'{task}_limited'].examples}"),
            (f"{task}, limited: training, test loss < 0.5 at", "far apart", falls(f"{task}_limited")),
            (f"{task}, fresh data: training, test loss < 0.5 at", "together", falls(f"{task}_unlimited")),
        ]
    return [
        *found,
        ("trigrams, limited: training loss < 0.01 at", "about 400", fall("trigrams_limited", "train_loss", 0.01)),
        ("trigrams, limited: test loss < 0.1 at", "about 1770", fall("trigrams_limited", "test_loss", 0.1)),
        ("repeats, fresh data: loss at step 0", "5.05 (128 tokens)", f"{first:.2f} (64 tokens)"),
        ("repeats, fresh data: loss at step 1000", "1.26", f"{at_1000:.2f}"),
        ("repeats, fresh data: loss at the end", "0.33 (6000)", f"{last:.2f} ({induction.steps[-1]})"),
        ("addition, fresh data: digit 0 falls at", "about 150", digit(0)),
        ("addition, fresh data: digit 1 falls at", "about 270", digit(1)),
        ("addition, fresh data: digits 2 to 5 fall at", "not given", ", ".join(map(digit, range(2, 6)))),
    ]
