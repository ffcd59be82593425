"""The commands, run as a user runs them: real processes, files and pictures."""

import argparse
import importlib.util
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.backends.backend_pgf import LatexError
from matplotlib.figure import Figure

import progress_measures as pm
from progress_measures import __main__ as command_line
from progress_measures._commands.runs import runs_of

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

COLOURS = {"first": (31, 119, 180), "second": (255, 127, 14), "fourth": (214, 39, 40), "memorization": (251, 227, 194)}


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
    Path("foreign.csv").write_text(text.replace("step,", "when,", 1))
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
        "run       memorized  generalized  relapses  memorization ends  circuit formation ends  cleanup ends\n"
        "run    not recorded         5000         0               1000                    2734         4500?\n"
        "saved  not recorded         5000         0               1000                    2734         4500?\n"
        "? not settled: more training may move it\n"
    )


def test_phases_of_one_run_are_six_lines(capsys):
    code, out, err = run(capsys, "phases", "run.csv", "--answers", 113)
    assert (code, err) == (0, "")
    assert out == (
        "run: step 0 to 9000, 7 recorded; last phase: after cleanup (not settled); loss at chance 4.73\n"
        "memorized               not recorded                      train_accuracy and train_loss have no number\n"
        "generalized             5000 (4000 to 5000)               test_loss is 0.01, not lost again\n"
        "memorization ends       1000 (0 to 2000)                  excluded_loss falls to a bottom and rises from it\n"
        "circuit formation ends  2734 (2000 to 3000)               test_loss falls below chance for good\n"
        "cleanup ends            4500 (4000 to 5000), not settled  sum_squared_weights settles\n"
    )


def ends(out):
    """The ends of the three phases that the command prints of one run, as words."""
    return re.findall(
        r"^(?:memorization|circuit formation|cleanup) ends  +(\d+|not \w+|cannot be told)", out, re.MULTILINE
    )


ENDS = ["1000", "2734", "4500"]


def test_common_names_of_other_programs_are_known_and_said(capsys):
    names = {"test_loss": "val/loss", "excluded_loss": "Excluded-Loss", "sum_squared_weights": "sum_of_squared_weights"}
    GROKS.select(names).to_csv("other.csv")
    code, out, err = run(capsys, "phases", "other.csv", "run.csv", "--answers", 113)
    assert code == 0
    assert out.splitlines()[1].split()[-3:] == out.splitlines()[2].split()[-3:]
    assert err == "".join(
        f"reading {names[name]} as {name}; --rename {name}=… chooses another\n"
        for name in ("test_loss", "excluded_loss", "sum_squared_weights")
    )


@pytest.mark.parametrize("prefix", ["recorder/", "train/recorder/"])
def test_columns_of_a_recorder_come_before_those_of_the_trainer(capsys, prefix):
    columns = GROKS.columns | {"train_loss": torch.tensor([4.8, 0.3, 0.1, 0.01, 0.0, 0.0, 0.0])}
    recorded = {f"{prefix}{name}": values for name, values in columns.items()}
    trainer = {"train/loss": torch.ones(7), "val/loss": torch.ones(7)}
    pm.Trajectory(GROKS.steps, trainer | recorded).save("both.npz")
    code, out, err = run(capsys, "phases", "both.npz", "--answers", 113)
    assert (code, ends(out)) == (0, ENDS)
    assert err.startswith(f"reading the columns {prefix}… without ")
    assert err.count("\n") == 1
    with pytest.raises(ValueError, match=f"rename={{'train_loss': '{prefix}train_loss', 'test_loss': '{prefix}test_"):
        pm.find_phases(pm.Trajectory.load("both.npz"), answers=113)


@pytest.mark.filterwarnings("default::UserWarning")
def test_key_frequencies_of_a_recorder_that_change_are_warned_of_under_a_prefix(capsys):
    keys = {"key_frequencies": torch.tensor([[0, 1]] * 3 + [[1, 1]] * 4)}
    columns = {f"recorder/{name}": values for name, values in (GROKS.columns | keys).items()}
    pm.Trajectory(GROKS.steps, columns).save("current.npz")
    assert "`key_frequencies` change, first at step 3000" in run(capsys, "phases", "current.npz", "--answers", 113)[2]


def test_two_names_for_one_thing_are_not_guessed(capsys):
    GROKS.select({"test_loss": "val_loss", "excluded_loss": "eval_loss"}).to_csv("other.csv")
    assert run(capsys, "phases", "other.csv", "--answers", 113)[::2] == (
        2,
        "progress-measures: error: other: `trajectory` must have a number in one of the columns 'train_loss', "
        "'test_loss', 'train_accuracy', 'test_accuracy', 'excluded_loss', 'restricted_loss', 'sum_squared_weights'. "
        "Got 'val_loss', 'eval_loss'. Rename what is the same by another name: trajectory.select({'val_loss': "
        "'test_loss'}), or where it is read, rename={'test_loss': 'val_loss'} or --rename test_loss=val_loss.\n",
    )
    code, out, _ = run(capsys, "phases", "other.csv", "--answers", 113, "--rename", "test_loss=val_loss")
    assert (code, ends(out)[1]) == (0, "2734")


def test_relapses_are_said_with_their_steps(capsys):
    test = [0.0, *[1.0, 0.5] * 7, 1.0]
    pm.Trajectory(range(16), {"test_accuracy": test}).to_csv("relapses.csv")
    assert "lost again 7 times: at 2, 4, 6, 8, 10, …\n" in run(capsys, "phases", "relapses.csv", "--answers", 5)[1]


@pytest.mark.parametrize("file", ["run.csv", "saved.npz", "saved.data"])
def test_phases_are_those_of_the_library(capsys, file):
    phases = pm.find_phases(GROKS, answers=50)
    code, out, err = run(capsys, "phases", file, "--answers", 50)
    assert (code, err) == (0, "")
    assert ends(out) == [str(phases.memorization_end), str(phases.circuit_formation_end), str(phases.cleanup_end)]


def test_phases_that_a_run_did_not_reach_are_said_not_to_be(capsys):
    GROKS.select(steps=range(3500)).to_csv("short.csv")  # one step below chance shows nothing yet
    assert ends(run(capsys, "phases", "short.csv", "--answers", 113)[1]) == ["1000", "not reached", "not reached"]


def test_steps_may_have_another_name(capsys):
    code, out, _ = run(capsys, "phases", "foreign.csv", "--answers", 113, "--step", "when")
    assert code == 0
    assert (out.split(":")[0], ends(out)) == ("foreign", ENDS)


CHART = '"Step",' + ",".join(
    f'"{run} - val/loss{end}"' for run in ("a", "b") for end in ("", "__MIN", "__MAX")
) + '\n"0","4","4","4","5","5","5"\n"10","1","1","1","2","2","2"\n'  # fmt: skip


def test_a_file_may_hold_several_runs(capsys):
    """As W&B exports a chart; a path comes before a name that another file has too."""
    Path("chart.csv").write_text(CHART)
    drawn = ("-o", "out.png", "--rename", "test_loss=val/loss", "--columns", "test_loss")
    code, out, err = run(capsys, "plot", "chart.csv", *drawn)
    assert (code, err) == (0, "")
    assert "2 runs, at the 2 steps" in out
    Path("other.csv").write_text(CHART)
    pm.Trajectory([0, 10], {"val/loss": [1.0, 0.5]}).save("a.npz")
    assert [*runs_of(argparse.Namespace(files=[*map(Path, ["chart.csv", "a.npz"])], step=None, rename=None))] == [
        "chart.csv: a",
        "chart.csv: b",
        "a.npz",
    ]
    names = [*runs_of(argparse.Namespace(files=[*map(Path, ["chart.csv", "other.csv"])], step=None, rename=None))]
    assert names == ["chart.csv: a", "chart.csv: b", "other.csv: a", "other.csv: b"]


@pytest.mark.filterwarnings("default::UserWarning")
def test_what_is_left_out_of_a_file_is_said_once(capsys):
    Path("words.csv").write_text("step,regime,loss\n0,a,4\n10,b,1\n")
    code, _, err = run(capsys, "plot", "words.csv", "-o", "out.png")
    assert (code, err) == (0, "warning: 'words.csv' was read without 'regime', which has no number for each step.\n")


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["a"], "argument --rename: must be NEW=OLD. Got 'a'. Files come before it."),
        (["=a"], "argument --rename: must be NEW=OLD. Got '=a'. Files come before it."),
        (["a=b", "a=c"], "argument --rename: must give each new name once. Got 'a' twice."),
        (["a=test_los"], "`rename` must name columns of the file. Got 'test_los', where 'run.csv' has "),
    ],
)
def test_a_mistake_in_new_names(capsys, pairs, message):
    code, out, err = run(capsys, "plot", "run.csv", "-o", "out.png", "--rename", *pairs)
    assert (code, out) == (2, "")
    assert err.startswith(f"progress-measures: error: {message}")


def test_files_of_one_name_are_told_apart_by_their_folders(folder, capsys):
    (folder / "other").mkdir()
    GROKS.save("other/run.npz")
    lines = run(capsys, "phases", "run.csv", "other/run.npz", "--answers", 113)[1].splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["run", "run.csv", "other/run.npz"]


@pytest.mark.skipif(not REFERENCE.is_file(), reason="the reference data are not beside this checkout")
def test_phases_of_the_papers_curves(capsys):
    code, out, _ = run(capsys, "phases", REFERENCE, "--answers", 113)
    assert code == 0
    assert out.startswith("mainline_curves: epoch ")
    assert [*map(int, ends(out))] == pytest.approx([1400, 9400, 14_000], rel=0.1)


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize("arguments", [["phases", "run.csv", "--answers", "113"], ["--help"]], ids=["phases", "help"])
def test_a_reader_that_stops_is_no_error(arguments, buffered):
    start = [sys.executable, *([] if buffered else ["-u"]), "-m", "progress_measures", *arguments]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(start, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
@pytest.mark.parametrize("arguments", [["phases", "run.csv", "--answers", "113"], ["--version"], ["--help"]])
def test_a_full_disk_is_an_error(arguments):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "progress_measures", *arguments],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (
        2, "progress-measures: error: [Errno 28] No space left on device\n",
    )  # fmt: skip


TEXTS = {
    "floats": lambda text: re.sub(r"^(\d+),", lambda found: f"{int(found[1]):.1e},", text, flags=re.MULTILINE),
    "byte-order mark": lambda text: "\ufeff" + text,
    "Windows": lambda text: text.replace("\n", "\r\n"),
    "old Macintosh": lambda text: text.replace("\n", "\r"),
    "empty lines": lambda text: text.replace("\n", "\n\n"),
    "commas at the ends": lambda text: text.replace("\n", ",\n"),
}


@pytest.mark.parametrize("name", TEXTS)
def test_files_of_other_programs_have_the_same_phases(capsys, name):
    text = Path("run.csv").read_text()
    Path("other.csv").write_text(TEXTS[name](text), encoding="utf-8", newline="")
    code, out, err = run(capsys, "phases", "other.csv", "--answers", 113)
    assert (code, err) == (0, "")
    assert (out.split(":")[0], ends(out)) == ("other", ENDS)


def recorded(path):
    """The run as a recording."""
    recorder = pm.Recorder(lambda place: {name: values[place] for name, values in GROKS.columns.items()}, path=path)
    for place, step in enumerate(GROKS.steps.tolist()):
        recorder.record(step, place)


def through_a_pipe(capsys, path):
    reading, writing = os.pipe()
    with open(reading), open(writing, "wb") as file:
        file.write(Path(path).read_bytes())
        file.close()
        return run(capsys, "phases", f"/dev/fd/{reading}", "--answers", 113)


def test_a_pipe_is_read_as_what_it_holds(folder, capsys):
    recorded(folder / "run.jsonl")
    for path in ("run.csv", "run.jsonl", "saved.data"):
        code, out, err = through_a_pipe(capsys, path)
        assert (code, ends(out), err) == (0, ENDS, ""), path


def test_a_mistake_in_a_pipe_names_the_pipe(folder, capsys):
    (folder / "other.jsonl").write_text('{"step": 1, "error": "no"}\n{"step": 1, "column": 3}\n')
    (folder / "empty.jsonl").write_text('{"step": 1, "error": "no"}\n')
    for path, start, end in [
        ("other.jsonl", "`path` must be a file that a Recorder or track wrote.",
         ", whose line 2 is none of theirs: b'{\"step\": 1, \"column\": 3}'."),
        ("empty.jsonl", "`path` must hold at least one step that was measured.", " without one."),
        ("text.csv", "`path` must hold numbers in a column of numbers.",
         ". Make that cell empty, or write nan, where there is no number."),
    ]:  # fmt: skip
        code, out, err = through_a_pipe(capsys, path)
        assert (code, out) == (2, "")
        assert err.startswith(f"progress-measures: error: {start} Got "), err
        assert "/dev/fd/" in err
        assert err.endswith(f"{end}\n"), err


def test_a_saved_run_is_known_by_its_content(folder, capsys):
    (folder / "saved.npz").rename("named.csv")
    assert ends(run(capsys, "phases", "named.csv", "--answers", 113)[1]) == ENDS


# ---------------------------------------------------------------------------------------------------------------------
# plot


def test_plot_writes_a_picture_of_the_losses(capsys):
    code, out, err = run(capsys, "plot", "run.csv", "-o", "out.png", "--answers", 113)
    assert (code, out, err) == (0, "Wrote out.png: 7 steps of run.\n", "")
    assert plt.imread("out.png").shape == (720, 960, 4)
    assert pixels("out.png", COLOURS["fourth"]) > 500
    assert pixels("out.png", COLOURS["second"]) > 500
    assert pixels("out.png", (44, 160, 44)) == 0  # weights and vectors are no losses
    # From 0 to 1000 of 9000 steps, in most of the height of the picture.
    assert pixels("out.png", COLOURS["memorization"]) == pytest.approx(960 * 720 / 13, rel=0.3)


@pytest.mark.parametrize("name", ["$x$.csv", r"$\frac{$.csv", "\udcff.csv"])
def test_a_name_in_a_picture_s_title_is_shown_as_it_is(capsys, monkeypatch, name):
    titles = []
    monkeypatch.setattr(plt.Axes, "set_title", lambda _, title: titles.append(title))
    Path("run.csv").rename(name)
    assert run(capsys, "plot", name, "-o", "out.png")[0] == 0
    assert titles == [{"$": name.removesuffix(".csv").replace("$", r"\$")}.get(name[0], r"\udcff")]


def test_plot_draws_the_columns_asked_for(capsys):
    run(capsys, "plot", "run.csv", "-o", "one.png", "--columns", "test_loss")
    assert pixels("one.png", COLOURS["second"]) > 500
    assert pixels("one.png", COLOURS["first"]) == pixels("one.png", COLOURS["memorization"]) == 0
    run(capsys, "plot", "run.csv", "-o", "other.png", "--columns", "test_loss", "--scale", "linear")
    assert not np.array_equal(plt.imread("one.png"), plt.imread("other.png"))


def test_plot_without_losses_draws_every_column_of_numbers(capsys):
    GROKS.select({"sum_squared_weights": "a", "test_loss": "b", "per_frequency": "loss"}).to_csv("other.csv")
    assert run(capsys, "plot", "other.csv", "-o", "out.png")[0] == 0
    assert pixels("out.png", COLOURS["second"]) > 500
    assert pixels("out.png", (44, 160, 44)) == 0


def drawn(monkeypatch):
    """The arguments of each picture to come."""
    from progress_measures import plotting

    calls = []

    def spied(function):
        def draw(data, columns, **options):
            calls.append((list(columns), options))
            return function(data, columns, **options)

        return draw

    for name in ("plot_curves", "plot_runs"):
        monkeypatch.setattr(plotting, name, spied(getattr(plotting, name)))
    return calls


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (["x", "acc", "test/Loss", "test/Loss__MIN", "test/Loss__MAX"], ["test/Loss"]),
        (["x", "test_acc", "val_accuracy", "access"], ["test_acc", "val_accuracy"]),
        (["x", "y", "y__MIN", "z__MAX"], ["x", "y", "z__MAX"]),
    ],
)
def test_plot_draws_losses_or_else_accuracies_or_else_all(capsys, monkeypatch, recorded, expected):
    calls = drawn(monkeypatch)
    pm.Trajectory([0, 1], {name: [0.5, 0.5] for name in recorded}).save("log.npz")
    assert run(capsys, "plot", "log.npz", "-o", "out.png")[0] == 0
    assert calls[0][0] == expected


def test_plot_has_a_logarithmic_axis_of_steps(capsys, monkeypatch):
    calls = drawn(monkeypatch)
    assert run(capsys, "plot", "run.csv", "-o", "out.png", "--x", "log") == (0, "Wrote out.png: 7 steps of run.\n", "")
    assert run(capsys, "plot", "run.csv", "saved.npz", "-o", "out.png", "--x", "log")[0] == 0
    assert [options["x"] for _, options in calls] == ["log", "log"]


def test_plot_draws_each_of_several_runs(capsys):
    pm.Trajectory([7], {"test_loss": [1.0]}).save("late.npz")
    files = ["run.csv", "late.npz", "--columns", "test_loss"]
    assert "Draw each run, not their mean: spread='each' (--each)." in run(capsys, "plot", "-o", "out.png", *files)[2]
    out = "Wrote out.png: 2 runs, each as its own line.\n"
    assert run(capsys, "plot", "-o", "out.png", "--each", *files) == (0, out, "")
    assert pixels("out.png", COLOURS["second"]) > 5


@pytest.mark.filterwarnings("default::UserWarning")
def test_plot_says_which_column_has_no_number(capsys):
    pm.Trajectory([0, 1], {"a_loss": [np.nan, np.nan], "b_loss": [1.0, 2.0]}).save("nan.npz")
    assert run(capsys, "plot", "nan.npz", "-o", "out.png") == (
        0,
        "Wrote out.png: 2 steps of nan.\n",
        "warning: `columns` must have a finite number to be drawn. Got 'a_loss', nan at each of 2 steps. "
        "The picture leaves out what has none.\n",
    )
    code, out, err = run(capsys, "plot", "nan.npz", "-o", "none.png", "--columns", "a_loss")
    assert (code, out) == (2, "")
    assert err == (
        "progress-measures: error: `columns` must have a finite number to be drawn. Got 'a_loss', nan at each of 2 "
        "steps. Draw other columns.\n"
    )
    assert not Path("none.png").exists()


def test_a_long_title_is_cut(capsys, monkeypatch):
    titles = []
    monkeypatch.setattr(plt.Axes, "set_title", lambda _, title: titles.append(title))
    Path("run.csv").rename("x" * 100 + ".csv")
    assert run(capsys, "plot", "x" * 100 + ".csv", "-o", "out.png")[0] == 0
    assert titles == ["x" * 29 + "…" + "x" * 29]


def test_plot_of_several_runs_is_their_mean_with_its_band(capsys):
    files = [RUNS / name / "curves.npz" for name in ("mainline", "seed1", "seed2", "seed3", "seed4")]
    code, out, err = run(capsys, "plot", *files, "-o", "seeds.png", "--columns", "test_loss")
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"Wrote seeds\.png: mean and standard deviation of 5 runs, at the \d+ steps that all of them have\.\n", out
    )
    assert pixels("seeds.png", COLOURS["second"]) > 500
    band = [round(0.25 * channel + 0.75 * 255) for channel in COLOURS["second"]]
    assert pixels("seeds.png", band) > 50_000


def test_vectors_of_other_lengths_do_not_matter_where_losses_are_drawn(capsys):
    columns = {name: values for name, values in GROKS.columns.items() if name != "per_frequency"}
    pm.Trajectory(GROKS.steps, columns | {"per_frequency": np.ones((7, 4))}).save("other.npz")
    code, out, err = run(capsys, "plot", "run.csv", "other.npz", "-o", "out.png")
    assert (code, err) == (0, "")
    assert out.startswith("Wrote out.png: mean and standard deviation of 2 runs")


@pytest.mark.parametrize(
    ("name", "start"), [("out.pdf", b"%PDF"), ("out.svg", b"<?xml"), ("out", b"\x89PNG"), ("out.PNG", b"\x89PNG")]
)
def test_the_name_says_what_kind_of_picture(folder, capsys, name, start):
    before = names(folder)
    assert run(capsys, "plot", "run.csv", "-o", name)[0] == 0
    assert (folder / name).read_bytes().startswith(start)
    assert names(folder) == before | {name}


# ---------------------------------------------------------------------------------------------------------------------
# Gaps


def write_gaps():
    """The run with more steps, at which some columns were not logged, as CSV."""
    more = pm.Trajectory([500, 1500], {"test_loss": [9.0, 19.0]})
    GROKS.select(["excluded_loss", "test_loss", "sum_squared_weights"]).merge(more).to_csv("gaps.csv")


def test_phases_read_each_column_where_it_has_numbers(capsys):
    write_gaps()
    code, out, err = run(capsys, "phases", "gaps.csv", "--answers", 113)
    assert (code, ends(out), err) == (0, ENDS, "")


@pytest.mark.parametrize("cell", ["inf", "nan", ""])
def test_phases_of_a_cell_that_is_no_finite_number(capsys, cell):
    Path("odd.csv").write_text(Path("run.csv").read_text().replace("20.0", cell))
    code, out, err = run(capsys, "phases", "odd.csv", "--answers", 113)
    said = "odd: test_loss is infinite at 1 of 7 steps\n" if cell == "inf" else ""
    assert (code, ends(out)[1], err) == (0, "2734", said)


def test_a_column_that_ends_before_the_run_does_is_said(capsys):
    gone = GROKS["test_loss"].where(GROKS.steps < 5000, torch.nan)
    pm.Trajectory(GROKS.steps, dict(GROKS.columns) | {"test_loss": gone}).to_csv("gone.csv")
    assert run(capsys, "phases", "gone.csv", "--answers", 113)[2] == "gone: test_loss has no number after step 4000\n"


def test_plot_draws_each_column_where_it_is_known(capsys):
    write_gaps()
    drawn = ["plot", "gaps.csv", "-o", "out.png", "--columns", "test_loss", "excluded_loss", "--answers", 113]
    assert run(capsys, *drawn) == (0, "Wrote out.png: 9 steps of gaps.\n", "")
    assert pixels("out.png", COLOURS["second"]) > 500


def test_plot_draws_columns_that_are_never_known_together(capsys):
    steps = range(100)
    even, odd = ([float(step) + 1 if step % 2 == rest else np.nan for step in steps] for rest in (0, 1))
    pm.Trajectory(steps, {"a": even, "b": odd}).to_csv("apart.csv")
    assert run(capsys, "plot", "apart.csv", "-o", "out.png") == (0, "Wrote out.png: 100 steps of apart.\n", "")
    assert pixels("out.png", COLOURS["second"]) > 500


def test_phases_of_columns_that_are_never_known_together(capsys):
    even = GROKS.select(["test_loss"])
    pm.Trajectory(even.steps + 1, dict(GROKS.select(["excluded_loss"]).columns)).merge(even).to_csv("apart.csv")
    code, out, err = run(capsys, "phases", "apart.csv", "--answers", 113)
    assert (code, ends(out), err) == (0, ["1001", "2734", "not recorded"], "")


def test_what_a_recorder_wrote_is_read_too(capsys):
    recorder = pm.Recorder({"test_loss": float}, every=1, path="run.jsonl")
    for step in range(3):
        recorder(step, step + 1)
    assert run(capsys, "plot", "run.jsonl", "-o", "out.png") == (0, "Wrote out.png: 3 steps of run.\n", "")


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
    "folder": (
        ["plot", ".", "-o", "out.png"],
        "`path` must be a file, or a folder with TensorBoard's event files. Got '.', a folder "
        "without one.",
    ),
    "device": (["plot", "/dev/full", "-o", "out.png"], "/dev/full: Not a regular file"),
    "deep": (
        ["plot", "deep.jsonl", "-o", "out.png"],
        "`path` must be a log that can be read. Got 'deep.jsonl': nested too deeply.\n",
    ),
    "archive in parts": (
        ["plot", "parts.zip", "-o", "out.png"],
        "`path` must be a log that can be read. Got 'parts.zip': "
        "zipfiles that span multiple disks are not supported.\n",
    ),
    "step of 4000 digits": (
        ["plot", "digits.csv", "-o", "out.png"],
        "`path` must have steps in -2^63..2^63 - 1. Got '99999999999999999999…' in line 2 of 'digits.csv'. "
        "Pass step='index', which numbers the rows from 0.\n",
    ),
    "many columns": (
        ["plot", "many.csv", "-o", "out.png"],
        "1,000 columns are too many for one picture: name some with --columns\n",
    ),
    "no output": (["plot", "run.csv"], "the following arguments are required: -o/--output"),
    "no such column": (
        ["plot", "run.csv", "-o", "out.png", "--columns", "tset_loss"],
        "`name` must be a column of the trajectory. Got 'tset_loss'. Did you mean 'test_loss'?",
    ),
    "no steps": (
        ["plot", "foreign.csv", "-o", "out.png"],
        "`path` must have a column of steps, such as 'step' or 'epoch'. Got 'when', 'excluded_loss',",
    ),
    "text": (
        ["plot", "text.csv", "-o", "out.png"],
        "`path` must hold numbers in a column of numbers. Got 'high' in column 'test_loss', line 3 of 'text.csv'. "
        "Make that cell empty, or write nan, where there is no number.",
    ),
    "no CSV": (["plot", sys.executable, "-o", "out.png"], "`path` must be a log. Got "),
    "damaged": (
        ["plot", "cut.npz", "-o", "out.png"],
        "`path` must be a log that can be read. Got 'cut.npz': File is not a zip file.",
    ),
    "no phases": (
        ["phases", "vectors.csv", "--answers", "9"],
        "vectors: `trajectory` must have a number in one of the columns 'train_loss', ",
    ),
    "nothing to draw": (
        ["plot", "vectors.csv", "-o", "out.png"],
        "no column of one number per step to draw: name some with --columns",
    ),
    "phases of two": (
        ["plot", "run.csv", "saved.npz", "-o", "out.png", "--answers", "9"],
        "argument --answers: shades the phases of one run. Got 2 runs. Name the file of one. If a file has several, "
        "save one in Python: pm.Runs.read(FILE)[NAME].save('one.npz').",
    ),
    "no folder": (["plot", "run.csv", "-o", "nowhere/out.png"], "nowhere/out.png: No such file or directory"),
    "output is a pipe": (
        ["plot", "run.csv", "-o", "pipe"],
        "pipe: Not a regular file, which alone can be replaced",
    ),
    "output is a folder": (["plot", "run.csv", "-o", "made.png"], "made.png: Is a directory"),
    "output is the run": (
        ["plot", "run.csv", "-o", "run.csv"],
        "argument -o/--output: must be none of the runs. Got run.csv, which is run.csv.",
    ),
    "output is a run, by a link": (
        ["plot", "saved.npz", "run.csv", "-o", "link.png"],
        "argument -o/--output: must be none of the runs. Got link.png, which is run.csv.",
    ),
    "output is a run, by a hard link": (
        ["plot", "run.csv", "-o", "./hard.png"],
        "argument -o/--output: must be none of the runs. Got hard.png, which is run.csv.",
    ),
    "loop of links": (["plot", "loop", "-o", "out.png"], "loop: Too many levels of symbolic links"),
    "output is a loop of links": (["plot", "run.csv", "-o", "loop"], "loop: Too many levels of symbolic links"),
    "output is protected": (["plot", "run.csv", "-o", "kept.png"], "kept.png: Permission denied"),
    "no picture": (["plot", "run.csv", "-o", "out.doc"], "Format 'doc' is not supported (supported formats: "),
    "the same file": (
        ["phases", "run.csv", "./run.csv", "--answers", "9"],
        "argument FILE: must be another run each time. Got run.csv twice.",
    ),
    "all zero": (
        ["plot", "odd.csv", "-o", "out.png", "--columns", "zero", "--scale", "log"],
        "`scale` must be 'linear' for a column without a number above zero. Got 'zero', whose largest is 0.",
    ),
    "below zero": (
        ["plot", "odd.csv", "-o", "out.png", "--columns", "sign", "--scale", "log"],
        "`scale` must be 'linear' where numbers are below zero. Got -1 in 'sign' at step 0.",
    ),
    "nothing in common": (
        ["plot", "run.csv", "odd.csv", "-o", "out.png"],
        "no column of one number per step to draw: name some with --columns",
    ),
    "other NPZ": (
        ["plot", "arrays.npz", "-o", "out.png"],
        "`path` must have a column of steps, such as 'step' or 'epoch'. Got 'x' in 'arrays.npz'. Pass its name",
    ),
    "names alone": (
        ["plot", "names.csv", "-o", "out.png"],
        "`path` must have a line of names and at least one of numbers. Got 1 line in 'names.csv'.",
    ),
    "apart": (["plot", "run.csv", "late.csv", "-o", "out.png"], "`runs` must have a step in common. Got run with 7 in"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_said_in_one_line_and_nothing_is_written(folder, capsys, name):
    (folder / "made.png").mkdir()
    (folder / "kept.png").touch(0o444)
    (folder / "link.png").symlink_to("run.csv")
    (folder / "hard.png").hardlink_to("run.csv")
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (folder / "cut.npz").write_bytes((folder / "saved.npz").read_bytes()[:100])
    GROKS.select("per_frequency").to_csv("vectors.csv")
    pm.Trajectory([7], {"test_loss": [1.0]}).to_csv("late.csv")
    pm.Trajectory([0], {"zero": [0.0], "sign": [-1.0]}).to_csv("odd.csv")
    text = Path("run.csv").read_text()
    np.savez("arrays.npz", x=np.ones(3))
    Path("names.csv").write_text(text.splitlines()[0])
    nested = "[" * 500 + "1" + "]" * 500
    Path("deep.jsonl").write_text(f'{{"step": 0, "columns": {{"test_loss": {nested}}}}}\n')
    Path("parts.zip").write_bytes(
        struct.pack("<4sLQL", b"PK\6\7", 5, 0, 7) + struct.pack("<4s4H2LH", b"PK\5\6", *[0] * 7)
    )
    Path("digits.csv").write_text(f"step,test_loss\n{'9' * 4000},1\n")
    pm.Trajectory([0], {f"c{k}": [1.0] for k in range(1000)}).to_csv("many.csv")
    before = names(folder)
    arguments, message = MISTAKES[name]
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert re.match(r"progress-measures( phases| plot)?: error: ", err)
    assert err.split("error: ", 1)[1].startswith(message)
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert names(folder) == before
    assert Path("run.csv").read_text() == text


def raising(error):
    def function(*_arguments, **_options):
        raise error

    return function


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (MemoryError(), "not enough memory: run.csv: too large"),
        (MemoryError("Unable to allocate 9 GiB"), "not enough memory: run.csv: Unable to allocate 9 GiB"),
        (RuntimeError("DefaultCPUAllocator: can't allocate"), "DefaultCPUAllocator: can't allocate"),
        (OverflowError("too large"), "too large"),
        (OSError(5, "Input/output error"), "run.csv: Input/output error"),
    ],
    ids=repr,
)
def test_what_a_machine_cannot_do_is_said_in_one_line(monkeypatch, capsys, error, message):
    monkeypatch.setattr("progress_measures._logs.reading.read_cells", raising(error))
    assert run(capsys, "plot", "run.csv", "-o", "out.png") == (2, "", f"progress-measures: error: {message}\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LatexError("no such letter", "a long log"), "out.pgf: no such letter a long log"),
        (RuntimeError("'xelatex' not found"), "out.pgf: 'xelatex' not found"),
    ],
    ids=repr,
)
def test_a_picture_that_tex_cannot_make_is_said_in_one_line(monkeypatch, capsys, error, message):
    monkeypatch.setattr(Figure, "savefig", raising(error))
    assert run(capsys, "plot", "run.csv", "-o", "out.pgf") == (2, "", f"progress-measures: error: {message}\n")
    assert not Path("out.pgf").exists()


def test_a_long_name_does_not_make_a_long_line(capsys):
    code, out, err = run(capsys, "phases", "x" * 10**6, "--answers", 113)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"progress-measures: error: x{1000} … x*: File name too long\n", err)
    assert len(err) < 2100


def test_a_name_cannot_speak_to_the_terminal(capsys):
    red = "\x1b[31mred\n"
    Path("run.csv").rename(red)
    assert run(capsys, "phases", red, "--answers", 1)[2] == (
        "progress-measures: error: \\x1b[31mred : `answers` must be at least 2. Got 1.\n"
    )
    assert run(capsys, "plot", red, "-o", "out.png")[1] == "Wrote out.png: 7 steps of \\x1b[31mred\\n.\n"
    assert run(capsys, "phases", red, "--answers", 113)[1].startswith(r"\x1b[31mred\n: step 0 to 9000")


def test_steps_that_are_left_out_of_what_fails_are_not_told_of(capsys):
    write_gaps()
    assert run(capsys, "phases", "gaps.csv", "--answers", 1) == (
        2, "", "progress-measures: error: gaps: `answers` must be at least 2. Got 1.\n",
    )  # fmt: skip


def test_ctrl_c_is_quiet(monkeypatch, capsys):
    monkeypatch.setattr("progress_measures._logs.reading.read_cells", raising(KeyboardInterrupt()))
    assert run(capsys, "plot", "run.csv", "-o", "out.png") == (130, "", "")


def test_a_letter_that_the_terminal_lacks_is_no_error(monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    assert process("plot", "run.csv", "-o", "größe.png") == (0, "Wrote gr\\xf6\\xdfe.png: 7 steps of run.\n", "")
    assert Path("größe.png").exists()


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
from progress_measures._commands.runs import runs_of
main(sys.argv[1:])
"""
    assert process("phases", "run.csv", "--answers", 113, code=code)[0] == 0
    assert process("plot", "run.csv", "-o", "out.png", code=code) == (
        2,
        "",
        "progress-measures: error: progress_measures.plotting needs matplotlib: pip install matplotlib\n",
    )


# ---------------------------------------------------------------------------------------------------------------------
# Help


def test_help_shows_examples_that_run(capsys):
    texts = []
    for command in ([], ["phases"], ["runs"], ["frequencies"], ["plot"], ["report"]):
        code, out, err = run(capsys, *command, "--help")
        assert (code, err) == (0, "")
        texts.append(out.split("examples:")[1])
    assert len({*texts}) == 1  # so that each is run here
    for seed in range(3):
        GROKS.save(f"seed{seed}.npz")
    recorder = pm.Recorder({"logit_power": torch.Tensor.square}, every=1, path="run.jsonl")
    recorder(0, torch.arange(9.0))
    examples = re.findall(r"^  progress-measures (.+)$", texts[0], flags=re.MULTILINE)
    assert len(examples) == 9
    if importlib.util.find_spec("bokeh") is None:  # of the extra `report`
        examples = [example for example in examples if not example.startswith("report ")]
    GROKS.select({"test_loss": "holdout/nll"}).to_csv("wandb_export.csv")
    for example in examples:
        assert run(capsys, *example.split())[0] == 0, example


def test_the_script_is_the_module():
    script = Path(sys.executable).parent / "progress-measures"
    if not script.exists():
        pytest.skip("the installed metadata are older than the script")
    done = subprocess.run([script, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("usage: progress-measures ")


def test_the_version_is_the_library_s(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        command_line.main(["--version"])
    assert capsys.readouterr().out == f"progress-measures {pm.__version__}\n"


def test_the_example_s_numbers_are_not_lost_where_the_terminal_lacks_letters():
    done = subprocess.run(
        [sys.executable, "-m", "examples.modular_addition", "--output", "out", "--run", RUNS / "seed1"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "PYTHONPATH": str(RUNS.parents[2])},
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert b"in the key frequencies of a?b: " in done.stdout
    assert "in the key frequencies of a∘b: " in Path("out", "report.txt").read_text(encoding="utf-8")


@pytest.mark.filterwarnings("default::UserWarning")
def test_warnings_are_one_line(capsys):
    keys = {"key_frequencies": [[1, 0]] * 3 + [[1, 1]] * 4}
    GROKS.merge(pm.Trajectory(GROKS.steps, keys)).save("keys.npz")
    code, out, error = run(capsys, "phases", "keys.npz", "--answers", "113")
    assert code == 0
    assert "2734" in out
    assert error.startswith("warning: `key_frequencies` change, first at step 3000, so ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("device", ["/dev/full", "/dev/zero", "pipe"])
def test_what_never_ends_is_no_recording(device):
    os.mkfifo("pipe")
    for read in (pm.load_recording, lambda path: pm.Recorder({"x": float}, path=path)):
        with pytest.raises(OSError, match="Not a regular file"):
            read(device)


def test_a_picture_of_no_frequency_is_warned_of():
    from progress_measures import plotting

    keys = np.zeros((7, 2))
    none = GROKS.merge(pm.Trajectory(GROKS.steps, {"key_frequencies": keys}))
    some = GROKS.merge(pm.Trajectory(GROKS.steps, {"key_frequencies": keys + 1}))
    _, axes = plt.subplots()
    with pytest.warns(UserWarning, match="^`key_frequencies` are none at any step") as caught:
        plotting.plot_curves(none, ["excluded_loss", "test_loss"], ax=axes)
    assert caught[0].filename == __file__
    with pytest.warns(
        UserWarning, match="^`runs` are 2, of which 1 have no key frequency at their last step: b"
    ) as caught:
        plotting.plot_runs({"a": some, "b": none}, "excluded_loss", ax=axes)
    assert (len(caught), caught[0].filename) == (1, __file__)
    plotting.plot_curves(none, "test_loss", ax=axes)
    plotting.plot_runs({"a": some, "b": none}, "test_loss", ax=axes)
    plt.close(axes.figure)


# ---------------------------------------------------------------------------------------------------------------------
# Frequencies


@pytest.fixture
def spectra(tmp_path):
    power = torch.full((4, 40), 0.01)
    power[1:, 6], power[2:, 30] = 3.0, 5.0
    keys = torch.zeros(4, 40)
    keys[-1, 6] = 1
    recorded = pm.Trajectory(
        [0, 5, 10, 15], {"logit_power": power, "key_frequencies": keys, "test_loss": torch.ones(4)}
    )
    path = tmp_path / "run.csv"
    recorded.to_csv(path)
    return path


def test_key_frequencies_are_listed_with_when_they_rose(spectra, capsys):
    assert frequencies_of(spectra, capsys, "--rule", "peaks") == [["7", "35.8 %", "5"], ["31", "59.7 %", "10"]]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--share", "0.5"], ["31"]),
        (["--rule", "share"], ["7", "31"]),
        (["--rule", "recorded"], ["7"]),
        ([], ["7"]),
    ],
)
def test_key_frequencies_by_another_rule(options, named, spectra, capsys):
    assert [frequency for frequency, *_ in frequencies_of(spectra, capsys, *options)] == named


def test_a_frequency_that_was_recorded_as_key_and_has_no_power(tmp_path, capsys):
    recorded = pm.Trajectory([0], {"logit_power": torch.zeros(1, 3), "key_frequencies": [[0.0, 1.0, 0.0]]})
    recorded.save(tmp_path / "run.npz")
    assert frequencies_of(tmp_path / "run.npz", capsys) == [["2", "0.0 %", "no power"]]


def test_a_run_without_key_frequencies_says_so(tmp_path, capsys):
    pm.Trajectory([0], {"logit_power": torch.ones(1, 9)}).save(tmp_path / "flat.npz")
    code, out, _ = run(capsys, "frequencies", tmp_path / "flat.npz")
    assert (code, out.split("\n")[1].split()) == (0, ["flat", "none"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--column", "power"],
            "run: must have the column 'power', which grokking_measures(…) records. Got logit_power, "
            "key_frequencies, test_loss. Name another spectrum with --column.",
        ),
        (
            ["--rule", "sufficient"],
            "run: must have the column 'sufficient_frequencies', which grokking_measures(…, 'final', …) records. Got "
            "logit_power, key_frequencies, test_loss. Choose another --rule.",
        ),
        (["--column", "test_loss"], "run: `test_loss` must be one number per frequency at each step. Got one number."),
        (["--share", "2"], "run: `share` must be at least 0 and below 1. Got 2.0."),
        (
            ["--share", "0.5", "--rule", "peaks"],
            "run: argument --share: is for --rule share. Got --rule peaks.",
        ),
    ],
)
def test_frequencies_that_a_run_cannot_give(options, message, spectra, capsys):
    code, out, err = run(capsys, "frequencies", spectra, *options)
    assert (code, out, err) == (2, "", f"progress-measures: error: {message}\n")


def frequencies_of(path, capsys, *options):
    """The frequency, the share and the step of each line."""
    code, out, err = run(capsys, "frequencies", path, *options)
    assert (code, err) == (0, "")
    _, *lines = out.rstrip().split("\n")
    return [re.split(r"\s{2,}", line)[1:] for line in lines]
