"""One line for each of several runs: its key frequencies, what happened when, and its last losses."""

import csv
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from progress_measures._checks.values import escaped, listed
from progress_measures._files import atomic_write
from progress_measures._tables import WIDE, html_table, number, text_table, width
from progress_measures.phases.boundaries import Phases, find_phases
from progress_measures.phases.events import Event
from progress_measures.phases.milestones import Milestones, milestones
from progress_measures.trajectory.keys import last_keys
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

LOSSES = ("train_loss", "test_loss", "restricted_loss", "excluded_loss")
UNSETTLED = "?"  # after a step
ENDED = 0.1  # a column that has no number in this last share of a run is said to end
LEGEND = f"{UNSETTLED} not settled: more training may move it"
NO_KEYS, MOST_KEYS = "none", 10  # key frequencies, and how many of them the table shows
Row = dict[str, Any]


@dataclass(frozen=True, eq=False, repr=False)
class Summary(Mapping[str, Row]):
    """One line per run, by the run's name; the result of :func:`summary`.

    ``print`` and notebooks show a table. A printed table that would be wider than 120 letters has one column per run
    instead, if that is narrower. ``dict(summary)`` gives the lines as dictionaries, with None for unknown
    values, and ``pandas.DataFrame(dict(summary)).T`` is a data frame of them.

    Example:
        >>> runs = pm.Runs({"seed 0": pm.Trajectory([0, 100], {"test_loss": [4.7, 0.5]})})
        >>> pm.phases.summary(runs, answers=113)["seed 0"]["test_loss"]
        0.5
    """

    rows: Mapping[str, Row]
    """Steps, frequencies (as a tuple) and losses, by the run's name and then their own; None if there is none."""
    events: Mapping[str, Mapping[str, Event]]
    """The milestones and ends of phases of each run by name. They say why a step is missing."""
    ended: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """The last step of each loss that has no number in the last tenth of its run, such as one that became nan."""

    @classmethod
    def of(cls, found: Mapping[str, tuple[Trajectory, Milestones, Phases]]) -> Self:
        """The lines of runs whose milestones and phases are known."""
        events = {name: {**reached.events, **ends.events} for name, (_, reached, ends) in found.items()}
        rows = {
            name: {
                "last_step": int(run.steps[-1]),
                "key_frequencies": last_keys(run.columns),
                **{event: each.step for event, each in events[name].items()},
                **{loss: _last(run, loss) for loss in LOSSES},
            }
            for name, (run, _, _) in found.items()
        }
        steps = {name: {loss: ended_at(run, loss) for loss in LOSSES} for name, (run, _, _) in found.items()}
        ended = {name: {loss: at for loss, at in of.items() if at is not None} for name, of in steps.items()}
        return cls(rows, events, ended)

    def __getitem__(self, name: str) -> Row:
        return self.rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Summary({len(self)} run{'s'[: len(self) != 1]}; {listed(self, most=6)})"

    def __str__(self) -> str:
        head, *lines = self._cells()
        halves = [name.rpartition(" ") for name in head]
        table = text_table([[before for before, _, _ in halves], [word for _, _, word in halves], *lines])
        if width(table) > WIDE:  # then it has one column per run, if that is narrower
            table = min(table, text_table([*zip(head, *lines, strict=True)]), key=width)
        unsettled = any(not event.settled for events in self.events.values() for event in events.values())
        return table + (f"\n{LEGEND}" if unsettled else "")

    def _repr_html_(self) -> str:
        head, *lines = self._cells()
        return html_table(f"{len(self)} run{'s'[: len(self) != 1]}", head, lines)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Writes a CSV file with a line of names and then one line per run.

        Frequencies are separated by blanks, or "none"; unknown values are empty cells.

        Args:
            path: The file, which is replaced if it exists.

        Raises:
            OSError: If the file cannot be written.
        """
        text = io.StringIO()
        # The module csv does not quote a carriage return.
        quote = csv.QUOTE_ALL if any("\r" in name for name in self) else csv.QUOTE_MINIMAL
        writer = csv.writer(text, lineterminator="\n", quoting=quote)  # type: ignore[arg-type]  # a union of literals
        writer.writerow(["run", *self._names()])
        writer.writerows([name, *map(_plain, row.values())] for name, row in self.items())
        with atomic_write(path) as scratch_file:
            Path(scratch_file).write_text(text.getvalue(), encoding="utf-8", errors="surrogateescape")

    def _names(self) -> list[str]:
        return [*next(iter(self.rows.values()))]

    def _cells(self) -> list[list[str]]:
        """A line of column heads and one line per run; a loss that no run has is left out."""
        shown = [
            name for name in self._names() if name not in LOSSES or any(row[name] is not None for row in self.values())
        ]
        heads = ["run", *(name.replace("_end", "_ends").replace("_", " ") for name in shown)]
        return [heads, *([escaped(run), *(self._cell(run, name) for name in shown)] for run in self)]

    def _cell(self, run: str, name: str) -> str:
        value, event = self.rows[run][name], self.events[run].get(name)
        if event is not None:
            return str(event.absent) if value is None else f"{value}{'' if event.settled else UNSETTLED}"
        if name == "key_frequencies":
            return "not recorded" if value is None else listed(map(str, value), " ", most=MOST_KEYS) or NO_KEYS
        at = self.ended.get(run, {}).get(name)
        if isinstance(value, float):
            return number(value) + ("" if at is None else f" at {at}")
        return "–" if value is None else str(value)


def summary(runs: Mapping[str, Trajectory], *, answers: int) -> Summary:
    """A table of runs: their key frequencies, milestones, ends of phases, and last losses.

    Each line has

    - the last recorded step;
    - the key frequencies recorded at that step, from the column ``key_frequencies``;
    - the results of :func:`milestones` and :func:`find_phases`;
    - the last number of each of the columns ``train_loss``, ``test_loss``, ``restricted_loss`` and ``excluded_loss``.
      If none follows in the last tenth of the run, as where training diverged to ``nan``, the table gives its step.

    Each line depends only on its own run, so adding runs does not change the others.

    Args:
        runs: The runs by name, such as ``pm.Runs.read(path)``.
        answers: The number of classes that the loss is over.

    Returns:
        The lines by run.

    Raises:
        TypeError: If ``runs`` is not a mapping from names to trajectories, or ``answers`` is not an integer.
        ValueError: As for :func:`milestones` and :func:`find_phases`, with a note that names the run; or if there is no
            run.

    See Also:
        :func:`phase_spread`: the median and the range of each boundary over the runs.

    Example:
        >>> runs = pm.Runs({"seed 0": pm.Trajectory([0, 100, 200], {"test_accuracy": [0.0, 0.49, 0.99]})})
        >>> line = pm.phases.summary(runs, answers=113)["seed 0"]
        >>> line["last_step"], line["generalized"], line["key_frequencies"]
        (200, 200, None)
    """
    found = {}
    for name, run in (runs if isinstance(runs, Runs) else Runs(runs)).items():
        try:
            found[name] = run, milestones(run, answers=answers), find_phases(run, answers=answers)
        except ValueError as error:
            error.add_note(f"This was the run {name!r}.")
            raise
    return Summary.of(found)


def ended_at(run: Trajectory, name: str) -> int | None:
    """The step of the last number of a column that has none in the last tenth of the run; None for other columns."""
    if name not in run or run[name].ndim != 1:
        return None
    numbers = (~run[name].isnan()).nonzero()[:, 0].tolist()
    if not numbers or run.steps[-1] - run.steps[numbers[-1]] <= ENDED * (run.steps[-1] - run.steps[0]):
        return None
    return int(run.steps[numbers[-1]])


def _last(run: Trajectory, name: str) -> float | None:
    """The last number of a column of numbers; None if there is none."""
    if name not in run or run[name].ndim != 1:
        return None
    numbers = run[name][~run[name].isnan()]
    return float(numbers[-1]) if len(numbers) else None


def _plain(value: Any) -> str:
    """A value as CSV text."""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or NO_KEYS
    return "" if value is None else str(value)
