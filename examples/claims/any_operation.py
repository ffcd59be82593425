"""The table of ``examples/10_any_operation.py``."""

from collections.abc import Mapping

import progress_measures as pm
from examples.any_operation.tasks import TRAINING
from examples.claims import Row


def generalized(run: pm.Trajectory) -> int | None:
    """The first step with a test accuracy of at least 90 %, or None."""
    at = (run["test_accuracy"] >= 0.9).nonzero()
    return int(run.steps[at[0]]) if len(at) else None


def rows(
    operations: Mapping[str, pm.Operation], curves: Mapping[str, pm.Trajectory], final: Mapping[str, pm.Trajectory]
) -> list[Row]:
    """Curves, and spectra of the inputs at the end, by the names of operations."""

    def largest_of_inputs(name: str) -> str:
        """The frequency of the inputs with the largest share, in words, and that share."""
        spectrum = final[name]["input_spectrum"][0]
        frequency = tuple(int(k) for k in (spectrum == spectrum.max()).nonzero()[0])
        label = operations[name].label(frequency)
        return f"{label if len(label) < 60 else f'frequencies {frequency} of a and b'} ({spectrum.max():.1%})"

    found = []
    for name, run in curves.items():
        op, last, spectrum = operations[name], run["test_accuracy"][-1], run["logit_spectrum"][-1]
        of_answer = f"{op.label(int(spectrum.argmax()) + 1)} ({spectrum.max():.1%})"
        step = generalized(run)
        here = f"test accuracy {last:.1%}, " + (f"90 % at step {step}" if step is not None else "90 % not reached")
        found += [
            (f"{name}, {TRAINING[name][0]:.0%} of the inputs", "not compared", here),
            (f"{name}: logits in functions of the answer", "not compared", f"{spectrum.sum():.1%}"),
            (f"{name}: the largest of these", "not compared", of_answer),
            (f"{name}: the largest in functions of the inputs", "not compared", largest_of_inputs(name)),
        ]
    return found
