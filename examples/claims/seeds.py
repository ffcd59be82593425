"""The table of ``examples/06_five_seeds.py``."""

from collections.abc import Mapping, Sequence

import progress_measures as pm
from examples.claims import Row

PAPER_KEYS = {
    "mainline": "14, 35, 41, 42, 52; 95%; 5.5e-8; 6.0; +3%",
    "seed1": "2, 9, 19, 31",
    "seed2": "40, 44, 53",
    "seed3": "31, 45, 49, 52",
    "seed4": "17, 32, and others",
}


def rows(
    keys: Mapping[str, Sequence[int]], numbers: Mapping[str, Mapping[str, float]], phases: Mapping[str, pm.Phases]
) -> list[Row]:
    """What was found of each run, by its name."""

    def spread(name: str, form: str = "{:.2g}") -> str:
        """The least and the largest of the five."""
        values = sorted(float(of_run[name]) for of_run in numbers.values())
        return " to ".join(form.format(value) for value in (values[0], values[-1]))

    def change(name: str) -> str:
        """The least and the largest change from the loss of the whole model."""
        changes = sorted(float(of_run[name] / of_run["loss"] - 1) for of_run in numbers.values())
        return f"{changes[0]:+.1%} to {changes[-1]:+.1%}"

    def one(name: str) -> str:
        """The row of one run."""
        of_run = numbers[name]
        return (
            f"{', '.join(map(str, keys[name]))}; {of_run['by cosines']:.1%}; {of_run['restricted_loss']:.1e}; "
            f"{of_run['excluded_loss']:.1f}; {of_run['polynomials'] / of_run['loss'] - 1:+.1%}"
        )

    count = sorted({len(of_run) for of_run in keys.values()})
    ends = [phase.memorization_end for phase in phases.values()]
    circuits = [phase.circuit_formation_end for phase in phases.values()]
    return [
        *((name, PAPER_KEYS[name], one(name)) for name in keys),
        ("key frequencies per run", "5, and 3 or 4 in others", f"{count[0]} to {count[-1]}"),
        ("different sets of key frequencies in five runs", "5", str(len({*keys.values()}))),
        ("logits' variance in the key frequencies", "not given", spread("in key frequencies", "{:.1%}")),
        ("variance explained by cos w_k (a + b - c)", "95% (mainline)", spread("by cosines", "{:.1%}")),
        ("neurons with over 85% in one frequency", "84.6% (mainline)", spread("neurons", "{:.1%}")),
        ("loss, all pairs", "2.4e-07 (mainline)", spread("loss", "{:.1e}")),
        ("only the key frequencies (restricted loss)", "about 6e-08", spread("restricted_loss", "{:.1e}")),
        ("without the key frequencies, all pairs", "6.5 to 11", spread("without key frequencies")),
        ("without the key frequencies, training pairs", "6.0 (mainline)", spread("excluded_loss")),
        ("neurons replaced by polynomials, change of loss", "+3% (mainline)", change("polynomials")),
        ("neurons: only W_L's directions, change of loss", "-50% (mainline)", change("directions")),
        ("the same, but the neurons' mean is kept", "not given", change("directions, mean kept")),
        ("neurons: all but those directions, loss", "5.27 (mainline)", spread("null space")),
        ("memorization ends", "always about 1400", f"{min(ends)} to {max(ends)}"),
        ("circuit formation ends", "it moves", f"{min(circuits)} to {max(circuits)}"),
    ]
