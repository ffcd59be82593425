"""How far boundaries can be trusted: find_phases and other methods on synthetic runs whose boundaries are known.

Run it with ``python -m tests.trust.report``, which takes seconds, or with ``--runs 20000``, which takes a few minutes.
``--by kind noise grid`` has a row for each combination of them.
"""

import argparse
from collections.abc import Iterator, Sequence

from tests.trust._draws import BOUNDARIES, Draw, draws
from tests.trust._methods import METHODS
from tests.trust._score import Tally, tallies

HEAD = ("missed", "off", "false alarms", "error in intervals", "error in time")
BRIEF = ("find_phases", "median of 5, stays", "isotonic, by time")  # one of each


def table(title: str, head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [f"**{title}**", "", f"| | {' | '.join(head)} |", "|---" * (len(head) + 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows), ""])


def overall(scored: dict[str, list], boundary: str) -> Iterator[Sequence[str]]:
    """A row for each method: shares missed, off and of false alarms; median and 95th percentile of the errors."""
    for method, pairs in scored.items():
        tally = tallies(pairs, lambda _: "all")[boundary, "all"]
        yield [method, *tally.shares()]


def split(scored: dict[str, list], boundary: str, key) -> Iterator[Sequence[str]]:
    """A row for each kind of runs, noise or grid, a column for each method: missed; off; false alarms."""
    found = {method: tallies(pairs, key) for method, pairs in scored.items()}
    for name in sorted({name for _, name in next(iter(found.values()))}):
        yield [name, *(brief(each[boundary, name]) for each in found.values())]


def brief(tally: Tally) -> str:
    missed, off, alarms, *_ = tally.shares()
    return "; ".join(([missed, off] if tally.truths else []) + ([f"alarms {alarms}"] if tally.without else [])) or "–"


def two_falls(scored: dict[str, list]) -> Iterator[Sequence[str]]:
    """Of the runs that grok twice: how often a method says the last fall, the first, another, or none."""
    for method, pairs in scored.items():
        said = dict.fromkeys(("last", "first", "another", "none"), 0)
        for each, found in pairs:
            if each.kind == "groks twice":
                said[which_fall(each, found["circuit_formation_end"])] += 1
        yield [method, *(f"{count / max(1, sum(said.values())):.1%}" for count in said.values())]


def which_fall(each: Draw, found: float | None) -> str:
    if found is None:
        return "none"
    for name, step in (("last", each.truth["circuit_formation_end"]), ("first", each.former)):
        tally = Tally()
        tally.add(each.trajectory.steps.numpy(), step, found)
        if not tally.off:
            return name
    return "another"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.trust.report", description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=2000, help="how many runs are drawn (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--by", nargs="+", choices=("kind", "noise", "grid"), help="rows for combinations of these")
    chosen = parser.parse_args()
    runs = list(draws(chosen.runs, chosen.seed))
    scored = {
        name: [(each, method(each.trajectory, each.answers)) for each in runs] for name, method in METHODS.items()
    }
    few = {name: pairs for name, pairs in scored.items() if name in BRIEF}
    keys = [chosen.by] if chosen.by else [["kind"], ["noise"], ["grid"]]
    print(f"{len(runs)} runs of seed {chosen.seed}. Where a cell has several numbers: missed; off; false alarms.\n")
    for boundary in BOUNDARIES:
        print(table(boundary, HEAD, overall(scored, boundary)))
        for names in keys:
            key = lambda each, names=names: ", ".join(getattr(each, name) for name in names)  # noqa: E731 - of this loop
            print(table(f"{boundary}, by {' and '.join(names)}", list(few), split(few, boundary, key)))
    print(table("Runs that grok twice", ("the last fall", "the first", "another", "none"), two_falls(scored)))


if __name__ == "__main__":
    main()
