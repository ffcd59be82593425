"""What docs/start.md shows is run as it stands there, and comes out as it says."""

import contextlib
import io
import re
import textwrap
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

PAGE = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
BLOCKS = [
    textwrap.dedent(code)
    for code in re.findall(r"^\.\. plot::\n(?:   :.*\n)+\n((?:   .*\n|\n)+)```", PAGE, flags=re.MULTILINE)
]
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.fixture(scope="module")
def session():
    """The names that the page leaves behind, and what it prints."""
    names = {}
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()) as output:
        for block in BLOCKS:
            exec(compile(block, "docs/start.md", "exec"), names)
    yield names, output.getvalue()
    plt.close("all")


def test_it_prints_lines_like_those_of_the_page(session):
    (written,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    printed = session[1]
    assert NUMBER.sub("#", printed.partition("\n")[2]) == NUMBER.sub("#", written.partition("\n")[2])
    # Of the losses the size alone is the same everywhere: training takes rounding errors far.
    for left, right in zip(NUMBER.findall(printed)[-4:], NUMBER.findall(written)[-4:], strict=True):
        assert float(right) / 5 < float(left) < float(right) * 5


def test_what_it_says_of_the_network_is_so(session):
    names, _ = session
    keys, measures, run = names["keys"], names["measures"], names["run"]
    assert 4 <= len(keys) <= 9
    assert measures.restricted_loss_test < measures.test_loss
    assert measures.excluded_loss > 100 * measures.train_loss
    assert run.steps.tolist() == list(range(0, 3001, 100))
    assert run["train_loss"][1] < 0.1
    assert run["test_loss"][1] > torch.log(torch.tensor(31.0))
    later = run.steps >= 200
    assert (run["restricted_loss"][later] < 0.75 * run["test_loss"][later]).all()


def test_it_ends_in_a_picture(session):
    assert [line.get_label() for line in session[0]["ax"].lines] == ["training", "test", "restricted"]
