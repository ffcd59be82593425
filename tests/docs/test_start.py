"""What docs/start.md shows is run as it stands there, and comes out as it says."""

import contextlib
import io
import math
import re
import shutil
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch

from tests.docs._numbers import NUMBER, assert_has_numbers, numbers
from tests.docs._pages import marked_code, section

PAGE = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
SHOWN = "".join(re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)).splitlines()


@pytest.fixture(scope="module")
def session():
    """The names that the page leaves behind, and what it prints."""
    names, threads = {}, torch.get_num_threads()
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()) as output:
        for block in marked_code(PAGE):
            exec(compile(block, "docs/start.md", "exec"), names)
    yield names, output.getvalue()
    torch.set_num_threads(threads)
    plt.close("all")
    shutil.rmtree(names["folder"])


def words(line):
    """A line without its numbers; a list of them counts as one."""
    return re.sub(r"#(, #)+", "#", NUMBER.sub("#", line))


@pytest.mark.skipif(not SHOWN, reason="the page shows nothing that is printed")
def test_it_prints_lines_like_those_of_the_page(session):
    printed = session[1].splitlines()
    assert [words(line) for line in printed] == [words(line) for line in SHOWN]
    for left, right in zip(map(numbers, printed), map(numbers, SHOWN), strict=True):
        if not all(each.whole for each in right):  # key frequencies are others elsewhere
            # Of the losses the size alone is the same everywhere: training takes rounding errors far.
            assert all(b.value / 5 < a.value < b.value * 5 for a, b in zip(left, right, strict=True))


def test_what_it_says_of_the_network_is_so(session):
    names, _ = session
    measures, run, phases, guess = names["measures"], names["run"], names["phases"], math.log(31)
    assert 2 <= len(names["keys"]) <= 5
    assert names["spectrum"].shape == (15,)
    assert run["restricted_loss_test"][-1] < run["test_loss"][-1] < 1e-4
    assert 0.8 * guess < run["excluded_loss"][-1] < guess
    assert run.steps.tolist() == [int(path.stem) for path in sorted(names["folder"].glob("*.pt"))]
    at = run.steps.tolist().index
    assert run["train_accuracy"][at(50)] > 0.99
    assert 0.02 < run["train_accuracy"][0] < 0.08
    assert run["test_accuracy"][at(1250)] == pytest.approx(0.3, abs=0.1)
    assert measures.restricted_loss != measures.restricted_loss_test
    assert phases.memorization_end == pytest.approx(700, abs=150)
    assert (run["test_loss"][at(50) : at(1100)] > guess).all()
    assert phases.circuit_formation_end == pytest.approx(1250, abs=150)
    assert (run["restricted_loss"][at(50) : at(2000)].diff() < 0).all()
    assert (run["excluded_loss"][at(900) : at(2000)].diff() > 0).all()
    assert None not in vars(phases).values()
    assert names["logits"].shape == (31, 31, 31)
    assert measures.train_loss.isfinite()


def test_its_numbers_are_those():
    assert_has_numbers(section(PAGE, "What has it learned?"), 31, math.log(31))
    assert_has_numbers(section(PAGE, "When did it learn it?"), 50, 1250, 700)  # as is tested above


def test_the_mask_of_the_rows_of_data_is_that_of_the_pairs(session):
    names, _ = session
    mask, pairs = names["train_mask"], names["pairs"]
    assert mask.sum() == len(pairs)
    assert mask[pairs[:, 0], pairs[:, 1]].all()
    assert names["history"]["test_loss"] == pytest.approx(float(names["measures"].test_loss))
    assert names["its_keys"] == names["keys"]


def test_it_ends_in_a_picture(session):
    names, _ = session
    *lines, guess = [line.get_label().replace(" ", "_") for line in names["ax"].lines if line.get_label()[0] != "_"]
    assert lines == names["losses"]
    assert guess == "chance"
