"""Trajectories from CSV files, and as frames."""

import contextlib
import csv
import gzip
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra.numpy import arrays

import progress_measures as pm

NAN, INF = float("nan"), float("inf")

EMPTY = "Leave cells without a number empty, and columns of words out."


def same_numbers(one, other):
    a, b = one.to_arrays(), other.to_arrays()
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], strict=True)


def from_text(tmp_path, text, **options):
    (tmp_path / "run.csv").write_text(text, encoding="utf-8", newline="")
    return pm.Trajectory.from_csv(tmp_path / "run.csv", **options)


# ---------------------------------------------------------------------------------------------------------------------
# CSV


@pytest.mark.parametrize("read", [pm.Trajectory.from_csv, pm.Trajectory.load], ids=["from_csv", "load"])
@pytest.mark.parametrize("path", ["/dev/full", "/dev/zero"])
def test_a_device_without_an_end_is_not_read(path, read):
    with pytest.raises(OSError, match=f"^{re.escape(f'[Errno 22] Not a regular file: {path!r}')}$"):
        read(path)


@pytest.mark.parametrize(
    ("write", "read"), [("to_csv", pm.Trajectory.from_csv), ("save", pm.Trajectory.load)], ids=["csv", "npz"]
)
def test_a_pipe_is_read(tmp_path, write, read):
    run = pm.Trajectory([0, 1], {"x": [1.0, 2.0]})
    getattr(run, write)(tmp_path / "run")
    reading, writing = os.pipe()
    with open(reading), open(writing, "wb") as file:
        file.write((tmp_path / "run").read_bytes())
        file.close()
        same_numbers(read(f"/dev/fd/{reading}"), run)


@pytest.mark.parametrize("cell", ["9" * 400, "9223372036854775808", "1e300", "-1e19"])
def test_a_step_beyond_int64_is_named_with_its_line(tmp_path, cell):
    path = tmp_path / "run.csv"
    shown = "99999999999999999999…" if len(cell) > 100 else cell
    message = f"`path` must have steps in -2^63..2^63 - 1. Got {shown!r} in line 2 of {str(path)!r}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        from_text(tmp_path, f"step,x\n{cell},1\n")


def test_steps_as_far_apart_as_int64_reaches(tmp_path):
    run = from_text(tmp_path, f"step,x\n{-(2**63)},1\n{2**63 - 1},2\n")
    assert run.steps.tolist() == [-(2**63), 2**63 - 1]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("0,{}", "hold numbers. Got {} in column 'x', line 2 of"),
        ("{},0", "have integers as steps. Got {} in line 2 of"),
    ],
)
def test_a_long_cell_is_cut_in_the_message(tmp_path, text, where):
    message = f"`path` must {where.format(repr('x' * 20 + '…'))} "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        from_text(tmp_path, f"step,x\n{text.format('x' * 1000)}\n")


def test_csv_makes_the_round_trip(tmp_path):
    run = pm.Trajectory(
        [0, 100, 2**53 + 1],
        {
            "test_loss": [4.727387818712341, NAN, 1e-300],
            "per, \"frequency\"\n": [[0.1, NAN], [-0.0, INF], [1 / 3, -INF]],
            "one entry": [[1.0], [2.0], [3.0]],
            "größe": [1.0, 2.0, 3.0],
            "": [4.0, 5.0, 6.0],
        },
    )  # fmt: skip
    run.to_csv(tmp_path / "run.csv")
    again = pm.Trajectory.from_csv(tmp_path / "run.csv")
    same_numbers(again, run)
    assert np.signbit(float(again['per, "frequency"\n'][1, 0]))


@given(
    st.dictionaries(
        # A column whose own name ends in a number reads as an entry of a vector; the writer of Python 3.11 puts no
        # quotes around a lone carriage return.
        st.text(st.characters(codec="utf-8", exclude_characters="/\0\r"), max_size=5).filter(
            lambda name: name.strip() == name and name not in ("step", "steps")
        ),
        st.one_of(arrays(np.float64, 3), arrays(np.float64, (3, 2)), arrays(np.float64, (3, 12))),
        max_size=4,
    )
)
def test_any_columns_make_the_round_trip(tmp_path_factory, columns):
    run, path = pm.Trajectory([0, 1, 5], columns), tmp_path_factory.mktemp("run") / "run.csv"
    run.to_csv(path)
    same_numbers(pm.Trajectory.from_csv(path), run)


awkward = st.one_of(
    st.text(max_size=3),
    st.sampled_from(["a", "a/1", "a/2", "a/1/1", "a/0", " a ", "a\r", "\n", "step", "epoch", "", "\ud800"]),
)


@given(
    st.dictionaries(
        awkward.filter(lambda name: name != "steps"),
        st.one_of(arrays(np.float64, 2), arrays(np.float64, (2, 1)), arrays(np.float64, (2, 2))),
        max_size=5,
    )
)
def test_any_names_make_the_round_trip_or_are_refused(tmp_path_factory, columns):
    run, path = pm.Trajectory([0, 1], columns), tmp_path_factory.mktemp("run") / "run.csv"
    with contextlib.suppress(ValueError):
        run.to_csv(path)
    if path.exists():
        same_numbers(pm.Trajectory.from_csv(path), run)
    else:
        with pytest.raises(ValueError, match=r"^`columns` must have .*names"):
            run.to_csv(path)


LOST = (
    "`columns` must have names that a CSV file gives back, without blanks around them, and with name/1, name/2 only "
    "for the entries of a vector. Got {}. Rename with select()."
)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({" a ": [1.0]}, LOST.format("' a '")),
        ({"\n": [1.0], "b": [1.0]}, LOST.format("'\\n'")),
        ({"a/1": [1.0], "b": [1.0]}, LOST.format("'a/1'")),
        ({"a/1": [1.0], "a/2": [2.0]}, LOST.format("'a/1', 'a/2'")),
        ({"a": [1.0], "a/1": [[1.0]]}, None),
        ({"a": [[1.0]], "a/1": [1.0]}, "`columns` must have distinct names where each number has its own"),
        ({"a/1": [[1.0, 2.0]], "a": [[3.0]]}, LOST.format("'a/1'")),
        ({"a/2": [1.0]}, None),
        (
            {"\ud800": [1.0]},
            "`columns` must have names that can be written in UTF-8. Got '\\ud800'. Rename with select().",
        ),
    ],
)
def test_names_that_would_not_come_back_are_refused_and_leave_the_old_file(tmp_path, columns, message):
    run, path = pm.Trajectory([0], columns), tmp_path / "run.csv"
    path.write_text("old")
    if message is None:
        run.to_csv(path)
        same_numbers(pm.Trajectory.from_csv(path), run)
    else:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            run.to_csv(path)
        assert path.read_text() == "old"


def test_what_has_no_entries_leaves_no_column(tmp_path):
    pm.Trajectory([0], {"nothing": np.zeros((1, 0)), "x": [1.0]}).to_csv(tmp_path / "run.csv")
    assert list(pm.Trajectory.from_csv(tmp_path / "run.csv").columns) == ["x"]


def test_matrices_come_back_flat_in_row_major_order(tmp_path):
    values = np.arange(12.0).reshape(2, 2, 3)
    pm.Trajectory([0, 1], {"m": values}).to_csv(tmp_path / "run.csv")
    assert pm.Trajectory.from_csv(tmp_path / "run.csv")["m"].tolist() == values.reshape(2, 6).tolist()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("x/1,x/2", {"x": [1.0, 2.0]}),
        ("x/2,x/1", {"x": [2.0, 1.0]}),
        ("x/1,x/3", {"x/1": 1.0, "x/3": 2.0}),
        ("x/2,x/3", {"x/2": 1.0, "x/3": 2.0}),
        ("x/0,x/1", {"x/0": 1.0, "x": [2.0]}),
        ("x,x/1", {"x": 1.0, "x/1": 2.0}),
        ("x/01,x/02", {"x/01": 1.0, "x/02": 2.0}),
        ("x/1/1,x/1/2", {"x/1": [1.0, 2.0]}),
        ("y,x/1", {"y": 1.0, "x": [2.0]}),
    ],
)
def test_entries_become_a_vector_where_all_of_them_are_there(tmp_path, names, expected):
    run = from_text(tmp_path, f"step,{names}\n0,1,2\n")
    assert {name: values[0].tolist() for name, values in run.columns.items()} == expected


def test_a_vector_stands_where_its_first_entry_stood(tmp_path):
    run = from_text(tmp_path, "step,a,v/1,b,v/2\n0,1,2,3,4\n")
    assert list(run.columns) == ["a", "v", "b"]


@pytest.mark.parametrize(
    ("head", "options", "columns"),
    [
        ("step,loss,epoch", {}, ["loss", "epoch"]),
        ("epoch,loss,x", {}, ["loss", "x"]),
        ("loss,epoch,x", {}, ["loss", "x"]),
        ("loss, epoch ,x", {}, ["loss", "x"]),
        ("step,loss,epoch", {"step": "epoch"}, ["step", "loss"]),
        ("a,b,global_step", {"step": "global_step"}, ["a", "b"]),
    ],
)
def test_steps_are_in_the_column_of_that_name(tmp_path, head, options, columns):
    at = [name.strip() for name in head.split(",")]
    wanted = options.get("step", "step" if "step" in at else "epoch")
    lines = [",".join(str(row + 10 * (name == wanted)) for name in at) for row in (0, 1)]
    run = from_text(tmp_path, "\n".join([head, *lines]), **options)
    assert run.steps.tolist() == [10, 11]
    assert list(run.columns) == columns


@pytest.mark.parametrize(
    "text",
    [
        "step,x\n0,1\n100,\n",
        "step,x\r\n0,1\r\n100,\r\n",
        "\ufeffstep,x\n0,1\n100,nan\n",
        'step,"x"\n\n0,1.0\n"100", \n,\n\n',
        "step,x\n0.0,1e0\n1e2,NaN",
    ],
    ids=["unix", "windows", "byte-order mark", "quotes and empty lines", "floats"],
)
def test_files_of_other_programs_are_read(tmp_path, text):
    run = from_text(tmp_path, text)
    assert run.steps.tolist() == [0, 100]
    np.testing.assert_array_equal(run["x"], [1.0, NAN])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "`path` must have a line of names and at least one of numbers. Got 0 lines in {}."),
        ("step,x\n", "`path` must have a line of names and at least one of numbers. Got 1 lines in {}."),
        (
            "Step,x\n0,1\n",
            "`path` must have a column 'step' or 'epoch'. Got 'Step', 'x' in {}. Name the one that holds the steps.",
        ),
        (
            "step;x\n0;1\n",
            "`path` must have commas between its cells. Got ';' in {}.",
        ),
        ("step;x\n0;0,5\n", "`path` must have commas between its cells. Got ';' in {}."),
        ("step\tx\n0\t1\n", "`path` must have commas between its cells. Got '\\t' in {}."),
        (
            "step x\n0 1\n",
            "`path` must have a column 'step' or 'epoch'. Got 'step x' in {}. Name the one that holds the steps.",
        ),
        ("step,x,x\n0,1,2\n", "`path` must have columns of distinct names. Got 'x' twice in {}."),
        (
            "step,x\n0,1\n\n5,1,2\n",
            "`path` must have as many cells in each line as it has names (2). Got 3 in line 4 of {}.",
        ),
        ("step,x\n0,1\n5\n", "`path` must have as many cells in each line as it has names (2). Got 1 in line 3 of {}."),
        (
            "step,x\n0,1\n5,low\n",
            "`path` must hold numbers. Got 'low' in column 'x', line 3 of {}. " + EMPTY,
        ),
        (
            "step,x\n0,1_0\n",
            "`path` must hold numbers. Got '1_0' in column 'x', line 2 of {}. " + EMPTY,
        ),
        ("step,x\n0.5,1\n", "`path` must have integers as steps. Got '0.5' in line 2 of {}."),
        ("step,x\n,1\n", "`path` must have integers as steps. Got '' in line 2 of {}."),
        ("step,x\nnan,1\n", "`path` must have integers as steps. Got 'nan' in line 2 of {}."),
        (
            "step,x\n0,1\n5,1\n5,2\n",
            "`path` must have steps that ascend strictly. Got 5 after 5 in line 4 of {}. Give each step one line.",
        ),
        (
            "step,x\n9,1\n5,1\n",
            "`path` must have steps that ascend strictly. Got 5 after 9 in line 3 of {}. Sort the lines.",
        ),
        ('step,x\n0,"1\n', "`path` must be a CSV file. Got {}: unexpected end of data."),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_where(tmp_path, text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message.format(repr(str(tmp_path / 'run.csv'))))}$"):
        from_text(tmp_path, text)


def test_a_wrong_name_of_the_steps_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(
        ValueError, match=r"must have a column 'epohc'\. Got 'epoch', 'x' in .* Did you mean 'epoch'\?$"
    ):
        from_text(tmp_path, "epoch,x\n0,1\n", step="epohc")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("step,größe\n0,1\n".encode("latin-1"), "byte 0xf6. Save it in UTF-8."),
        ("step,x\n0,1\n".encode("utf-16"), "UTF-16. Save it in UTF-8."),
        (gzip.compress(b"step,x\n0,1\n"), "compressed by gzip. Unpack it first."),
    ],
    ids=["latin-1", "utf-16", "gzip"],
)
def test_a_file_in_another_encoding_is_an_error(tmp_path, content, message):
    path = tmp_path / "run.csv"
    path.write_bytes(content)
    expected = f"`path` must be a CSV file in UTF-8. Got {str(path)!r}: {message}"
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
        pm.Trajectory.from_csv(path)


def test_a_saved_trajectory_is_no_csv(tmp_path):
    path = tmp_path / "run.npz"
    pm.Trajectory(range(100), {"x": np.random.default_rng(0).normal(size=100)}).save(path)
    message = (
        f"`path` must be a CSV file in UTF-8. Got {str(path)!r}: a ZIP archive. "
        "Trajectory.load reads those that Trajectory.save wrote."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.Trajectory.from_csv(path)


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        pm.Trajectory.from_csv(tmp_path / "run.csv")


# ---------------------------------------------------------------------------------------------------------------------
# Frames

RUN = pm.Trajectory([0, 100], {"test_loss": [4.7, NAN], "v": [[1.0, 2.0], [3.0, 4.0]]})
NAMES = ["step", "test_loss", "v/1", "v/2"]
FRAMES = {
    "pandas": lambda pandas: pandas.DataFrame.from_arrow(RUN),
    "polars": lambda polars: polars.DataFrame(RUN),
    "pyarrow": lambda pyarrow: pyarrow.table(RUN).to_pydict(),
}


@pytest.mark.parametrize("library", FRAMES)
def test_frames_have_the_columns_of_the_csv(library):
    pytest.importorskip("pyarrow")
    frame = FRAMES[library](pytest.importorskip(library))
    columns = (
        {name: np.asarray(frame[name]) for name in frame}
        if library == "pyarrow"
        else {name: frame[name].to_numpy() for name in frame.columns}
    )
    assert list(columns) == NAMES
    assert columns["step"].dtype == np.int64
    np.testing.assert_array_equal(columns["step"], [0, 100])
    np.testing.assert_array_equal(columns["test_loss"], [4.7, NAN])
    np.testing.assert_array_equal(columns["v/2"], [2.0, 4.0])


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_are_copies(library):
    pytest.importorskip("pyarrow")
    module = pytest.importorskip(library)
    run = pm.Trajectory([0, 1], {"x": [1.0, 2.0]})
    frame = module.DataFrame.from_arrow(run) if library == "pandas" else module.DataFrame(run)
    run["x"][0] = run.steps[0] = -9
    assert list(frame["x"]) == [1.0, 2.0]
    assert list(frame["step"]) == [0, 1]


def test_frames_write_the_same_csv(tmp_path):
    pytest.importorskip("pyarrow")
    pandas = pytest.importorskip("pandas")
    RUN.to_csv(tmp_path / "ours.csv")
    pandas.DataFrame.from_arrow(RUN).to_csv(tmp_path / "theirs.csv", index=False)
    with (tmp_path / "theirs.csv").open(newline="") as file:
        assert next(csv.reader(file)) == NAMES
    same_numbers(pm.Trajectory.from_csv(tmp_path / "theirs.csv"), pm.Trajectory.from_csv(tmp_path / "ours.csv"))


def test_a_requested_schema_is_followed():
    pa = pytest.importorskip("pyarrow")
    run = RUN.select("test_loss")
    schema = pa.schema([("step", pa.int32()), ("test_loss", pa.float32())])
    stream = run.__arrow_c_stream__(schema.__arrow_c_schema__())
    assert pa.RecordBatchReader._import_from_c_capsule(stream).schema == schema


def test_missing_pyarrow_is_met_with_how_to_install_it():
    code = """
import sys
sys.modules["pyarrow"] = None
import progress_measures as pm
try:
    pm.Trajectory([0], {"x": [1.0]}).__arrow_c_stream__()
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "A frame of a trajectory needs pyarrow: pip install pyarrow\n"


def test_a_number_of_hundreds_of_digits_is_infinite(tmp_path):
    path = tmp_path / "run.csv"
    path.write_text("step,test_loss\n0,1" + 400 * "0" + "\n", encoding="utf-8")
    assert pm.Trajectory.from_csv(path)["test_loss"].tolist() == [float("inf")]
