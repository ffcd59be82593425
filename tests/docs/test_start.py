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

from tests.docs._pages import marked_code

PAGE = (Path(__file__).parents[2] / "docs" / "start.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


@pytest.fixture(scope="module")
def session():
    """The names that the page leaves behind, and what it prints."""
    names = {}
    with torch.random.fork_rng(), contextlib.redirect_stdout(io.StringIO()) as output:
        for block in marked_code(PAGE):
            exec(compile(block, "docs/start.md", "exec"), names)
    yield names, output.getvalue()
    plt.close("all")
    shutil.rmtree(names["folder"])


def test_it_prints_lines_like_those_of_the_page(session):
    (written,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)
    printed = session[1]
    assert NUMBER.sub("#", printed.partition("\n")[2]) == NUMBER.sub("#", written.partition("\n")[2])
    # Of the losses the size alone is the same everywhere: training takes rounding errors far.
    for left, right in zip(NUMBER.findall(printed)[-4:], NUMBER.findall(written)[-4:], strict=True):
        assert float(right) / 5 < float(left) < float(right) * 5


def test_what_it_says_of_the_network_is_so(session):
    names, _ = session
    measures, run, guess = names["measures"], names["run"], math.log(31)
    assert 4 <= len(names["keys"]) <= 9
    assert run["restricted_loss_test"][-1] < run["test_loss"][-1] / 5
    assert guess / 2 < run["excluded_loss"][-1] < guess
    assert run["excluded_loss"][-1] > 1000 * run["train_loss"][-1]
    assert run.steps.tolist() == list(range(0, 3001, 100))
    at_200, later = 2, slice(2, None)
    assert run["train_loss"][at_200] < 0.1
    assert run["test_loss"][at_200] > guess
    assert run["excluded_loss"][-1] > 2 * run["excluded_loss"][at_200]
    assert (run["restricted_loss"][later] < 0.5 * run["test_loss"][later]).all()
    assert None not in vars(names["phases"]).values()
    assert names["logits"].shape == (31, 31, 31)
    assert measures.train_loss.isfinite()


def test_the_mask_of_the_rows_of_data_is_that_of_the_pairs(session):
    names, _ = session
    mask, pairs = names["train_mask"], names["pairs"]
    assert mask.sum() == len(pairs)
    assert mask[pairs[:, 0], pairs[:, 1]].all()
    assert names["history"]["test_loss"] == pytest.approx(float(names["measures"].test_loss))


def test_it_ends_in_a_picture(session):
    shown = [line.get_label() for line in session[0]["ax"].lines]
    assert shown == ["train loss", "test loss", "restricted loss", "excluded loss"]
