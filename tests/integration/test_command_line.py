"""The commands, run as a user runs them: real processes, files and pictures."""

import re
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import progress_measures as pm
from progress_measures import __main__ as command_line

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "mainline_curves.csv"
RUNS = Path(__file__).parents[2] / "examples" / "modular_addition" / "runs"
GROKS = pm.Trajectory(
    [0, 1000, 2000, 3000, 4000, 5000, 9000],
    {
        "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.01, 0.01],
        "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
        "per_frequency": np.ones((7, 3)),
    },
)
pytestmark = pytest.mark.usefixtures("folder")

COLOURS = {"first": (31, 119, 180), "second": (255, 127, 14), "memorization": (251, 227, 194)}


def process(*arguments, code=None, cwd=None):
    start = ["-c", code] if code else ["-m", "progress_measures"]
    done = subprocess.run(
        [sys.executable, "-W", "error", *start, *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=cwd,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def run(capsys, *arguments):
    """As ``process``, within this one, which is quicker."""
    try:
        command_line.main([str(argument) for argument in arguments])
        code = 0
    except SystemExit as stop:
        code = stop.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the run as CSV, as NPZ, and with other names."""
    monkeypatch.chdir(tmp_path)
    GROKS.to_csv("run.csv")
    GROKS.save("saved.npz")
    GROKS.save("saved.data")
    text = Path("run.csv").read_text()
    Path("foreign.csv").write_text(text.replace("step,", "iteration,", 1))
    Path("text.csv").write_text(text.replace("20.0", "high"))
    return tmp_path


def pixels(path, colour):
    """How many pixels of a picture have a colour."""
    picture = np.rint(plt.imread(path)[..., :3] * 255).astype(int)
    return int((abs(picture - np.array(colour)) <= 2).all(-1).sum())


def names(folder):
    return {path.name for path in folder.iterdir()}


# ---------------------------------------------------------------------------------------------------------------------
# phases


def test_phases_prints_a_table():
    code, out, err = process("phases", "run.csv", "saved.npz", "--answers", 113)
    assert (code, err) == (0, "")
    assert out == (
        "run    memorization  circuit formation  cleanup\n"
        "run            1000               2734     4500\n"
        "saved          1000               2734     4500\n"
    )


@pytest.mark.parametrize("file", ["run.csv", "saved.npz", "saved.data"])
def test_phases_are_those_of_the_library(capsys, file):
    phases = pm.find_phases(GROKS, answers=50)
    code, out, err = run(capsys, "phases", file, "--answers", 50)
    assert (code, err) == (0, "")
    ends = [phases.memorization_end, phases.circuit_formation_end, phases.cleanup_end]
    assert out.splitlines()[1].split()[1:] == [str(end) for end in ends]


def test_phases_that_a_run_did_not_reach_are_said_not_to_be(capsys):
    GROKS.select(steps=range(3500)).to_csv("short.csv")  # one step below chance shows nothing yet
    assert run(capsys, "phases", "short.csv", "--answers", 113)[1].splitlines()[1] == (
        "short          1000        not reached  not reached"
    )


def test_steps_may_have_another_name(capsys):
    code, out, _ = run(capsys, "phases", "foreign.csv", "--answers", 113, "--step", "iteration")
    assert code == 0
    assert out.split()[-4:] == ["foreign", "1000", "2734", "4500"]


def test_files_of_one_name_are_told_apart_by_their_folders(folder, capsys):
    (folder / "other").mkdir()
    GROKS.save("other/run.npz")
    lines = run(capsys, "phases", "run.csv", "other/run.npz", "--answers", 113)[1].splitlines()
    assert [line.split()[0] for line in lines] == ["run", "run.csv", "other/run.npz"]


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference data are not beside this checkout")
def test_phases_of_the_papers_curves():
    code, out, _ = process("phases", REFERENCE, "--answers", 113)
    assert code == 0
    *_, name, memorization, circuit, cleanup = out.split()
    assert name == "mainline_curves"
    assert [int(memorization), int(circuit), int(cleanup)] == pytest.approx([1400, 9400, 14_000], rel=0.1)


# ---------------------------------------------------------------------------------------------------------------------
# plot


def test_plot_writes_a_picture_of_the_losses():
    code, out, err = process("plot", "run.csv", "-o", "out.png", "--answers", 113)
    assert (code, out, err) == (0, "Wrote out.png: 7 steps of run.\n", "")
    assert plt.imread("out.png").shape == (720, 960, 4)
    assert pixels("out.png", COLOURS["first"]) > 500
    assert pixels("out.png", COLOURS["second"]) > 500
    assert pixels("out.png", (44, 160, 44)) == 0  # weights and vectors are no losses
    # From 0 to 1000 of 9000 steps, in most of the height of the picture.
    assert pixels("out.png", COLOURS["memorization"]) == pytest.approx(960 * 720 / 9, rel=0.3)


def test_plot_draws_the_columns_asked_for(capsys):
    run(capsys, "plot", "run.csv", "-o", "one.png", "--columns", "test_loss")
    assert pixels("one.png", COLOURS["first"]) > 500
    assert pixels("one.png", COLOURS["second"]) == pixels("one.png", COLOURS["memorization"]) == 0
    run(capsys, "plot", "run.csv", "-o", "other.png", "--columns", "test_loss", "--scale", "linear")
    assert not np.array_equal(plt.imread("one.png"), plt.imread("other.png"))


def test_plot_without_losses_draws_every_column_of_numbers(capsys):
    GROKS.select({"sum_squared_weights": "a", "test_loss": "b", "per_frequency": "loss"}).to_csv("other.csv")
    assert run(capsys, "plot", "other.csv", "-o", "out.png")[0] == 0
    assert pixels("out.png", COLOURS["second"]) > 500
    assert pixels("out.png", (44, 160, 44)) == 0


def test_plot_of_several_runs_is_their_mean_with_its_band():
    files = [RUNS / name / "curves.npz" for name in ("mainline", "seed1", "seed2", "seed3", "seed4")]
    code, out, err = process("plot", *files, "-o", "seeds.png", "--columns", "test_loss")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Wrote seeds\.png: mean and standard deviation of 5 runs, at the \d+ steps that all of them have\.\n", out
    )
    assert pixels("seeds.png", COLOURS["first"]) > 500
    band = [round(0.25 * channel + 0.75 * 255) for channel in COLOURS["first"]]
    assert pixels("seeds.png", band) > 50_000


@pytest.mark.parametrize(
    ("name", "start"), [("out.pdf", b"%PDF"), ("out.svg", b"<?xml"), ("out", b"\x89PNG"), ("out.PNG", b"\x89PNG")]
)
def test_the_name_says_what_kind_of_picture(folder, capsys, name, start):
    before = names(folder)
    assert run(capsys, "plot", "run.csv", "-o", name)[0] == 0
    assert (folder / name).read_bytes().startswith(start)
    assert names(folder) == before | {name}


# ---------------------------------------------------------------------------------------------------------------------
# Mistakes

MISTAKES = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "other command": (["phase", "run.csv"], "argument COMMAND: invalid choice: 'phase' (choose from"),
    "no answers": (["phases", "run.csv"], "the following arguments are required: --answers"),
    "answers no number": (["phases", "run.csv", "--answers", "x"], "argument --answers: invalid int value: 'x'"),
    "one answer": (["phases", "run.csv", "--answers", "1"], "run: `answers` must be at least 2. Got 1."),
    "no file": (["phases", "no.csv", "--answers", "9"], "no.csv: No such file or directory"),
    "name of two lines": (["phases", "no\nfile.csv", "--answers", "9"], "no file.csv: No such file or directory"),
    "no file, npz": (["phases", "no.npz", "--answers", "9"], "no.npz: No such file or directory"),
    "folder": (["plot", ".", "-o", "out.png"], ".: Is a directory"),
    "no output": (["plot", "run.csv"], "the following arguments are required: -o/--output"),
    "no such column": (
        ["plot", "run.csv", "-o", "out.png", "--columns", "tset_loss"],
        "`name` must be a column of the trajectory. Got 'tset_loss'. Did you mean 'test_loss'?",
    ),
    "no steps": (
        ["plot", "foreign.csv", "-o", "out.png"],
        "`path` must have a column 'step' or 'epoch'. Got 'iteration', 'excluded_loss',",
    ),
    "text": (
        ["plot", "text.csv", "-o", "out.png"],
        "`path` must hold numbers. Got 'high' in column 'test_loss', line 3 of 'text.csv'.",
    ),
    "no CSV": (["plot", sys.executable, "-o", "out.png"], "`path` must be a CSV file. Got "),
    "damaged": (
        ["plot", "cut.npz", "-o", "out.png"],
        "`path` must be a file that Trajectory.save wrote. Got 'cut.npz'",
    ),
    "no phases": (
        ["phases", "vectors.csv", "--answers", "9"],
        "vectors: `trajectory` must have a column 'excluded_loss'.",
    ),
    "nothing to draw": (
        ["plot", "vectors.csv", "-o", "out.png"],
        "no column of one number per step to draw: name some with --columns",
    ),
    "phases of two": (
        ["plot", "run.csv", "saved.npz", "-o", "out.png", "--answers", "9"],
        "argument --answers: shades the phases of one run. Got 2 files.",
    ),
    "no folder": (["plot", "run.csv", "-o", "nowhere/out.png"], "nowhere/out.png: No such file or directory"),
    "output is a folder": (["plot", "run.csv", "-o", "made.png"], "made.png: Is a directory"),
    "no picture": (["plot", "run.csv", "-o", "out.doc"], "Format 'doc' is not supported (supported formats: "),
    "apart": (["plot", "run.csv", "late.csv", "-o", "out.png"], "`runs` must have a step in common. Got run with 7 in"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_in_one_line_and_nothing_is_written(folder, capsys, name):
    (folder / "made.png").mkdir()
    (folder / "cut.npz").write_bytes((folder / "saved.npz").read_bytes()[:100])
    GROKS.select("per_frequency").to_csv("vectors.csv")
    pm.Trajectory([7], {"test_loss": [1.0]}).to_csv("late.csv")
    before = names(folder)
    arguments, message = MISTAKES[name]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.match(r"progress-measures( phases| plot)?: error: ", err)
    assert err.split("error: ", 1)[1].startswith(message)
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert names(folder) == before


def test_a_mistake_in_a_process_of_its_own():
    code, out, err = process("plot", "run.csv", "-o", "out.png", "--columns", "tset_loss")
    assert (code, out) == (2, "")
    assert err == (
        "progress-measures: error: `name` must be a column of the trajectory. Got 'tset_loss'. "
        "Did you mean 'test_loss'?\n"
    )


def test_missing_matplotlib_is_met_with_how_to_install_it():
    code = """
import sys
sys.modules["matplotlib"] = None
from progress_measures.__main__ import main
main(sys.argv[1:])
"""
    assert process("phases", "run.csv", "--answers", 113, code=code)[0] == 0
    assert process("plot", "run.csv", "-o", "out.png", code=code) == (
        2,
        "",
        "progress-measures: error: progress_measures.plotting needs matplotlib: "
        'pip install "progress_measures[plot]"\n',
    )


# ---------------------------------------------------------------------------------------------------------------------
# Help


@pytest.mark.parametrize("command", [[], ["phases"], ["plot"]], ids=str)
def test_help_shows_examples_that_run(capsys, command):
    code, out, err = run(capsys, *command, "--help")
    assert (code, err) == (0, "")
    for seed in range(3):
        GROKS.save(f"seed{seed}.npz")
    examples = re.findall(r"^  progress-measures (.+)$", out.split("examples:")[1], flags=re.MULTILINE)
    assert len(examples) == 4
    for example in examples:
        assert run(capsys, *example.split())[0] == 0, example


def test_the_script_is_the_module():
    script = Path(sys.executable).parent / "progress-measures"
    if not script.exists():
        pytest.skip("the installed metadata are older than the script")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: progress-measures ")
