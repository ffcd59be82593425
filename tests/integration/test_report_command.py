"""The command ``report``, run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import progress_measures as pm
from tests._pages import Page
from tests.integration.test_command_line import run

GROKS = pm.Trajectory(
    [0, 1000, 2000, 3000, 4000, 5000, 9000],
    {
        "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.01, 0.01],
        "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
        "per_frequency": np.ones((7, 3)),
    },
)
OUTPUT = "argument -o/--output"
pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    GROKS.to_csv("run.csv")
    GROKS.save("saved.npz")
    GROKS.select({"test_loss": "val/loss"}).to_csv("foreign.csv")
    Path("text.csv").write_text(Path("run.csv").read_text().replace("20.0", "high"))
    return tmp_path


def names(folder):
    return {path.name for path in folder.iterdir()}


def page(path="out.html"):
    return Page(Path(path).read_text(encoding="utf-8"))


def needs_bokeh():
    pytest.importorskip("bokeh", reason="bokeh is not installed: it is in the extra `report`")


def test_the_installed_command_writes_a_page():
    needs_bokeh()
    script = Path(sys.executable).parent / "progress-measures"
    start = [script] if script.exists() else [sys.executable, "-W", "error", "-m", "progress_measures"]
    done = subprocess.run(
        [*start, "report", "saved.npz", "-o", "out.html", "--answers", "113"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "Wrote out.html: 7 steps of saved.\n", "")
    shown = page()
    assert shown.headings[:2] == ["saved", "saved"]
    assert shown.paragraphs[0] == "Source: saved.npz"
    assert ["circuit formation ends", "2734 (2000 to 3000)", "test_loss falls below chance for good"] in shown.rows
    assert len(shown.figures) == 5  # losses, other numbers; heat map, lines and bars


def test_several_runs_and_no_answers(capsys):
    needs_bokeh()
    assert run(capsys, "report", "run.csv", "saved.npz", "-o", "out.html") == (0, "Wrote out.html: 2 runs.\n", "")
    assert page().headings[:3] == ["run, saved", "run, saved", "run"]
    assert page().paragraphs[0] == "Source: run.csv, saved.npz"


def test_other_names_are_known_and_said(capsys):
    needs_bokeh()
    said = "reading val/loss as test_loss; --rename test_loss=… chooses another\n"
    assert run(capsys, "report", "foreign.csv", "-o", "out.html", "--answers", 113)[::2] == (0, said)
    assert any(row[:2] == ["circuit formation ends", "2734 (2000 to 3000)"] for row in page().rows)
    assert run(capsys, "report", "foreign.csv", "-o", "out.html", "--rename", "test_loss=val/loss")[0] == 0
    assert page().labels()[0] == "test_loss"


def test_the_column_of_steps_is_named(capsys):
    needs_bokeh()
    Path("run.csv").write_text(Path("run.csv").read_text().replace("step,", "when,", 1))
    assert run(capsys, "report", "run.csv", "-o", "out.html")[0] == 2
    assert not Path("out.html").exists()
    assert run(capsys, "report", "run.csv", "-o", "out.html", "--step", "when")[0] == 0
    assert "When 0 to 9000, 7 recorded." in page().paragraphs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.csv", "-o", "old.html"], "none.csv: No such file or directory"),
        (["run.csv", "-o", "none/out.html"], "none/out.html: No such file or directory"),
        (["run.csv", "-o", "old.pdf"], f"{OUTPUT}: must be a page, such as report.html. Got old.pdf."),
        (["run.html", "-o", "run.html"], f"{OUTPUT}: must be none of the runs. Got run.html, which is run.html."),
        (["run.csv", "-o", "old.html", "--answers", "1"], "`answers` must be at least 2. Got 1."),
        (
            ["run.csv", "-o", "old.html", "--rename", "x"],
            "argument --rename: must be NEW=OLD. Got 'x'. Files come before it.",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_mistakes_are_one_line_and_touch_no_file(folder, capsys, arguments, message):
    needs_bokeh()
    for name in ("old.html", "old.pdf"):
        Path(name).write_text("old")
    Path("run.html").write_text(Path("run.csv").read_text())
    before = {name: Path(name).read_bytes() for name in names(folder)}
    assert run(capsys, "report", *arguments) == (2, "", f"progress-measures: error: {message}\n")
    assert {name: Path(name).read_bytes() for name in names(folder)} == before


def test_a_column_of_words_is_left_out_as_everywhere(capsys):
    needs_bokeh()
    code, _, err = run(capsys, "report", "text.csv", "-o", "out.html")
    assert (code, err) == run(capsys, "plot", "text.csv", "-o", "out.png")[::2]
    assert (code == 0) == Path("out.html").exists()


def test_an_output_is_required(capsys):
    code, out, err = run(capsys, "report", "run.csv")
    assert (code, out) == (2, "")
    assert err == "progress-measures report: error: the following arguments are required: -o/--output\n"


def test_a_full_disk_leaves_the_old_page(folder, capsys, monkeypatch):
    needs_bokeh()
    Path("out.html").write_text("old")
    before = names(folder)
    write = Path.write_text

    def full(path, text, **options):
        write(path, text[:100], **options)
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_text", full)
    assert run(capsys, "report", "run.csv", "-o", "out.html") == (
        2, "", "progress-measures: error: out.html: No space left on device\n",
    )  # fmt: skip
    assert names(folder) == before
    assert Path("out.html").read_text() == "old"


def test_missing_bokeh_is_met_with_how_to_install_it(folder):
    code = "import sys; sys.modules['bokeh'] = None; from progress_measures.__main__ import main; main(sys.argv[1:])"
    before = names(folder)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "report", "run.csv", "-o", "out.html"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    needs = "progress_measures.report needs bokeh: pip install bokeh matplotlib"
    assert done.stderr == f"progress-measures: error: {needs}\n"
    assert names(folder) == before
