"""Compare rules for key frequencies: ``python -m examples.key_frequencies --output out``.

The command writes two files to the folder: ``networks.jsonl``, the results of each checkpoint, and ``table.md``, the
table of the page Measures. To continue a run that was stopped, run the same command again. It takes about an hour, most
of it for the twelve tasks, which ``--quick`` leaves out.
"""

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from examples.command import Parser, say
from examples.files import write_text
from examples.key_frequencies.networks import groups
from examples.key_frequencies.rules import GENERALIZES, measured
from examples.key_frequencies.spectra import rates

Record = dict[str, Any]  # the results of a checkpoint, as in JSON
NONE = "none to name: "  # in these rows, each named set is a false alarm


def main(arguments: list[str] | None = None) -> None:
    """Measures the networks that the folder lacks, and writes the table."""
    parser = Parser(prog="python -m examples.key_frequencies", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for results (default: out)")
    parser.add_argument("--others", type=Path, help="folder with networks by others, as .npz files")
    parser.add_argument("--quick", action="store_true", help="leave out the twelve tasks")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # more threads slow down networks this small
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "networks.jsonl"
    made = {name: make for name, make in groups(options.others).items() if not (options.quick and "task" in name)}
    done = {record["made_by"] for record in _read(file)}
    for name, make in tqdm(made.items(), desc="networks"):
        if name not in done:
            records = [*_read(file), *(measured(case) | {"made_by": name} for case in make())]
            write_text(file, "".join(json.dumps(record) + "\n" for record in records))
    table = "\n".join([*_of_networks([*_read(file)]), *_of_spectra()])
    write_text(options.output / "table.md", table + "\n")
    say(table)


def _of_networks(records: list[Record]) -> Iterator[str]:
    """The rows of networks: first those that generalize, then those without key frequencies."""
    rules = [*records[0]["rules"]]
    yield f"| networks | checkpoints | {' | '.join(rules)} |"
    yield f"|---|---|{'---|' * len(rules)}"
    names = [*dict.fromkeys(record["group"] for record in records)]
    for group in (name for name in names if name not in ("untrained", "memorizing")):
        known = [r for r in records if r["group"] == group and not r["test_accuracy"] < GENERALIZES]
        yield f"| {group} | {len(known)} | {' | '.join(_judged(known, rule) for rule in rules)} |"
    for group in (name for name in names if name in ("untrained", "memorizing")):
        known = [r for r in records if r["group"] == group]
        yield f"| {NONE}{group} | {len(known)} | {' | '.join(_false_alarms(known, rule) for rule in rules)} |"


def _false_alarms(records: list[Record], rule: str) -> str:
    found = [record["rules"][rule] for record in records]
    return "–" if None in found else str(sum(bool(x["keys"]) for x in found))


def _judged(records: list[Record], rule: str) -> str:
    """The number of networks with key frequencies, with enough, with needed ones, and of changes between steps."""
    found = [record["rules"][rule] for record in records]
    if None in found or not found:
        return "–"
    pairs = [(x, y) for x, y in pairwise(records) if x["run"] == y["run"]]
    changes = sum(x["rules"][rule]["keys"] != y["rules"][rule]["keys"] for x, y in pairs)
    counts = [sum(bool(x["keys"]) for x in found), sum(x["enough"] for x in found), sum(x["needed"] for x in found)]
    return " · ".join(map(str, counts)) + (f" · {changes}" if pairs else "")


def _of_spectra() -> Iterator[str]:
    found = rates()
    rules = [*next(iter(found.values()))]
    yield ""
    yield f"| spectra | {' | '.join(rules)} |"
    yield f"|---|{'---|' * len(rules)}"
    for kind, of_rule in found.items():
        random = kind.startswith("random")
        cells = (f"{1 - rate if random else rate:.1%}".replace("%", " %") for rate in of_rule.values())
        yield f"| {NONE if random else ''}{kind} | {' | '.join(cells)} |"


def _read(file: Path) -> Iterator[Record]:
    if file.exists():
        yield from map(json.loads, file.read_text(encoding="utf-8").splitlines())


if __name__ == "__main__":
    main()
