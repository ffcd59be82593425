"""The table of ``examples/05_progress_measures.py``."""

from collections.abc import Sequence

import progress_measures as pm
from examples.claims import Row


def short(value: float, digits: int = 2) -> str:
    """So many digits, or all of them before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.{digits}g}"


def rows(trajectory: pm.Trajectory, curves: pm.Trajectory, phases: pm.Phases, keys: Sequence[int]) -> list[Row]:
    """``curves`` has the ratio of test to restricted loss, and a column of each kind for each key frequency."""
    steps = trajectory.steps
    last = int(steps[-1])

    def extreme(name: str, choose: str) -> str:
        """The least or largest value of a column, and its step."""
        values = trajectory[name]
        index = int(getattr(values, choose)())
        return f"{short(values[index], 3)} at {int(steps[index])}"

    def at(step: int, name: str, source: pm.Trajectory = trajectory) -> str:
        """A column at a step, or at the checkpoint before."""
        return short(source[name][steps <= step][-1])

    def through(name: str, source: pm.Trajectory = trajectory) -> str:
        """A column at the three boundaries, or at the checkpoints before them."""
        return ", ".join(at(step, name, source) for step in vars(phases).values())

    def at_end(kind: str) -> str:
        """The last values of a curve of each key frequency."""
        return ", ".join(short(curves[f"{kind} {k}"][-1]) for k in keys)

    return [
        ("memorization ends", "1400", str(phases.memorization_end)),
        ("circuit formation ends", "9400", str(phases.circuit_formation_end)),
        ("cleanup ends", "14000", str(phases.cleanup_end)),
        ("excluded loss: least", "0.311 at 1340", extreme("excluded_loss", "argmin")),
        ("excluded loss: largest", "13.5 at 10300", extreme("excluded_loss", "argmax")),
        ("test loss: largest", "25.8 at 1340", extreme("test_loss", "argmax")),
        ("sum of squared weights: largest", "3658 at 940", extreme("sum_squared_weights", "argmax")),
        ("at the three boundaries: training loss", "4.6e-7, 2.2e-7, 1.1e-7", through("train_loss")),
        ("at the three boundaries: excluded loss", "0.31, 12, 6.2", through("excluded_loss")),
        ("at the three boundaries: restricted loss", "3.1, 8.0e-3, 4.2e-8", through("restricted_loss")),
        ("at the three boundaries: restricted accuracy", "0.46, 0.97, 1", through("restricted_accuracy")),
        ("at the three boundaries: test loss", "26, 4.2, 7.5e-7", through("test_loss")),
        ("at the three boundaries: test / restricted loss", "8.4, 525, 18", through("ratio", curves)),
        ("at the three boundaries: sum of squared weights", "3410, 2010, 996", through("sum_squared_weights")),
        ("at the three boundaries: Gini of W_E", "rises sharply in cleanup", through("gini_W_E")),
        ("at the three boundaries: Gini of W_L", "rises sharply in cleanup", through("gini_W_L")),
        ("at the end: train loss", "9.9e-8", at(last, "train_loss")),
        ("at the end: test loss", "3.0e-7", at(last, "test_loss")),
        ("at the end: restricted loss", "5.5e-8", at(last, "restricted_loss")),
        ("at the end: coefficients of cos w_k (a + b - c)", "in figure 14 only", at_end("coefficient")),
        ("at the end: excluded loss per key frequency", "2.8e-4 to 7.2e-2", at_end("excluded")),
        ("at the end: excluded loss", "6.0", at(last, "excluded_loss")),
    ]
