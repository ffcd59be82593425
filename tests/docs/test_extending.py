"""What docs/extending.md shows is run as it stands there, and prints what stands beside it."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture(scope="module")
def printed():
    """What each block prints, and what the comments beside its calls of ``print`` say."""
    namespace = {}
    found = []
    for block in BLOCKS:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(block, namespace)
        found.append(
            (output.getvalue().splitlines(), re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.MULTILINE))
        )
    return found


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_blocks_print_what_they_say(printed, index):
    lines, comments = printed[index]
    assert lines == comments
    assert (len(lines) > 0) == ("print" in BLOCKS[index])
