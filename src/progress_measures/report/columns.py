"""The columns of runs that a page shows, under the names that it shows."""

from collections.abc import Mapping, Sequence

from progress_measures._checks.values import listed
from progress_measures.phases.names import RECORDER
from progress_measures.trajectory.keys import KEYS
from progress_measures.trajectory.trajectory import Trajectory

Shown = dict[str, tuple[Trajectory, list[str]]]


def chosen(runs: Mapping[str, tuple[Trajectory, list[str]]], columns: Sequence[str]) -> Shown:
    """The runs with these columns only, in this order; key frequencies are kept, because they colour the others."""
    known = dict.fromkeys(name for run, _ in runs.values() for name in run.columns)
    wanted = {_short(name) if name not in known else name: name for name in columns}
    for short, name in wanted.items():
        if short not in known:
            raise KeyError(f"`columns` must be names of columns. Got {name!r}. The runs have {listed(known)}.")
    found = {}
    for name, (run, prefixes) in runs.items():
        kept = [column for column in wanted if column in run]
        found[name] = run.select(kept + [KEYS] * (KEYS in run and KEYS not in kept)), prefixes
    return found


def _short(name: str) -> str:
    return next((name.removeprefix(prefix) for prefix in RECORDER if name.startswith(prefix)), name)
