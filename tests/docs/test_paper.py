"""docs/paper.md has the numbers that each numbered script prints."""

import re
import runpy
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
import torch
from matplotlib.image import imread

from tests.docs._numbers import assert_rows, numbers
from tests.docs._pages import cells, rows, section

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "docs" / "paper.md").read_text(encoding="utf-8")
SCRIPTS = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))


def documented():
    """What docs/paper.md says: {script: {claim: [claim, paper, here]}}."""
    found = {}
    for claim, *shown, script in rows(PAPER):
        paper, here = shown[:2] if len(shown) > 1 else ("", *shown)
        if match := re.fullmatch(r"\[(\d\d)\]\(\.\./examples/(.*)\)", script):
            assert (ROOT / "examples" / match[2]).is_file()
            assert match[2].startswith(match[1])
            assert claim not in found.setdefault(match[2], {}), claim
            found[match[2]][claim] = [claim, paper, here]
    return found


DOCUMENTED = documented()


def measured(text):
    """The numbers of a text: counts below a thousand are exact, and steps that are interpolated are not."""
    return [int(each.value) if each.whole and abs(each.value) < 1000 else each.value for each in numbers(text)]


def test_there_are_scripts_and_rows_of_them():
    assert [path.name[:2] for path in SCRIPTS] == [f"{number:02}" for number in range(1, len(SCRIPTS) + 1)]
    assert DOCUMENTED
    assert sum(map(len, DOCUMENTED.values())) == len(re.findall(r"^\|.*\]\(\.\./examples/", PAPER, flags=re.MULTILINE))


def test_percent_signs_have_a_space_as_elsewhere():
    assert re.search(r"\d %", PAPER)
    assert not re.search(r"\d%", PAPER)


def test_the_summary_has_numbers_of_the_tables():
    text = re.sub(r"§[\d.]+", "", section(PAPER, "In short"))
    tables = {each.value for row in rows(PAPER) for cell in row for each in numbers(cell)}
    assert {each.value for each in numbers(text)} <= tables


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_prints_the_numbers_of_the_page_and_draws_a_figure(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with torch.random.fork_rng():
        runpy.run_module(f"examples.{script.stem}", run_name="__main__")
    plt.close("all")
    output = capsys.readouterr().out
    start = re.search(r"^ +\| paper +\| here *$", output, flags=re.MULTILINE)
    assert start, output
    printed = [cells(line) for line in output[start.start() :].splitlines()[2:] if line.count(" | ") == 2]
    assert printed
    assert not re.search(r"\d%", output[start.start() :])
    written = DOCUMENTED.get(script.name, {})
    assert_rows({row[0]: [numbers(row[0]), numbers(row[1]), measured(row[2])] for row in printed}, written)
    for claim, _, here in printed:
        if not numbers(here) and claim in written:  # names
            assert set(re.findall(r"\w+", here)) <= set(re.findall(r"\w+", written[claim][-1])), claim

    (picture,) = tmp_path.glob("out/*.png")
    assert picture.stem == script.stem
    height, width, _ = imread(picture).shape
    assert min(height, width) > 500
    assert f"Wrote {Path('out') / picture.name}." in output


@pytest.mark.parametrize(
    ("printed", "written", "same"),
    [
        ("1.54e-07, -0.1%", "1.54e-07, -0.2%", True),
        ("1.54e-07", "1.7e-07", False),
        ("0.31", "0.35", False),
        ("5, 6, 14", "5, 6", False),
        ("-3", "3", False),
        ("8 = 2 × 4", "8 = 2 × 4", True),
        ("5 of 7", "5 in 7", True),
        ("5, 6, 14, 42", "5, 6, 14, 43", False),
        ("0 and 2", "1 and 3", False),
        ("433 of 512", "434 of 512", False),
        ("circuit at 4630", "circuit at 4650", True),
        ("at 1200", "at 1260", False),
        ("84.6%", "84.7%", True),
        ("-9.4% to -0.9%", "-9.4% to +0.9%", False),
    ],
)
def test_numbers_are_compared(printed, written, same):
    try:
        assert_rows({"": [measured(printed)]}, {"": [written]})
    except AssertionError:
        assert not same
    else:
        assert same
