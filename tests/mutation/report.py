"""Prints the table of docs/testing.md from ``mutmut run``, and the survivors that docs/mutants.md does not explain.

Run ``python -m tests.mutation.report`` in the folder that has ``mutants``.
"""

import re
import sys
from collections import Counter, defaultdict
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.utils.file_utils import walk_mutatable_files

REFUSED = 37  # by the type checker
SURVIVED = {0, 5, 33}  # every test passed, or there is none
UNKNOWN = {None, 34, 35}  # not run, skipped, suspicious; any other code is that of tests that failed, or never ended


def found() -> dict[Path, dict[str, int | None]]:
    """By file, the exit code of the tests for each mutant."""
    data = [SourceFileMutationData(path=path) for path in sorted(walk_mutatable_files())]
    for each in data:
        each.load()
    return {Path(each.path): each.exit_code_by_key for each in data if each.exit_code_by_key}


def place_and_line(path: Path, mutant: str) -> tuple[str, str]:
    """The function, such as ``sparsity.gini``, and the first changed line of the mutant, without its comment."""
    diff = get_diff_for_mutant(mutant, path=path).splitlines()
    line = next(line for line in diff if line.startswith("+") and not line.startswith("+++"))
    function = re.sub(r"x_|xǁ", "", mutant.partition("__mutmut_")[0].partition(".")[2], count=1).replace("ǁ", ".")
    return function, line[1:].partition("  # ")[0].strip()


def explained(page: Path) -> set[tuple[str, str]]:
    """The functions and lines that the page lists."""
    return set(re.findall(r"^- `([\w.]+)`: `(.*)`$", page.read_text(encoding="utf-8"), re.MULTILINE))


def main() -> int:
    codes, rooms = found(), defaultdict(Counter)
    survivors = set()
    for path, by_mutant in codes.items():
        room = path.relative_to("src/progress_measures").parts[0].removesuffix(".py")
        for mutant, code in by_mutant.items():
            if code in UNKNOWN:
                kind = "not run"
            elif code in SURVIVED:
                kind = "survived"
                survivors.add(place_and_line(path, mutant))
            else:
                kind = "refused" if code == REFUSED else "caught"
            rooms[room][kind] += 1
    rooms["all"] = sum(rooms.values(), Counter())

    print(
        "| | mutants | refused by mypy | run | caught | survived | caught of those run |\n|---|---|---|---|---|---|---|"
    )
    for room, count in rooms.items():
        run = count["caught"] + count["survived"]
        share = f"{count['caught'] / run:.1%}" if run else "–"
        row = (room, count.total(), count["refused"], run, count["caught"], count["survived"], share)
        print("|", " | ".join(map(str, row)), "|")

    listed = explained(Path("docs/mutants.md"))
    for title, some in (("Not explained", survivors - listed), ("Listed, and no survivor", listed - survivors)):
        print(f"\n{title}: {len(some)}")
        print("\n".join(f"- `{function}`: `{line}`" for function, line in sorted(some)))
    if rooms["all"]["not run"]:
        print(f"\nNot run: {rooms['all']['not run']}")
    return int(survivors != listed or rooms["all"]["not run"] > 0)


if __name__ == "__main__":
    sys.exit(main())
