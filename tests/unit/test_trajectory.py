import copy
import csv
import dataclasses
import io
import os
import pickle
import re
import stat
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm

NAN = float("nan")
AWKWARD = [
    "test_loss",
    "excluded_loss/3",
    "file",
    "columns/x",
    "allow_pickle",
    'with, "quotes"',
    "größe ∘",
    "x.npy",
    "",
]


def same_bits(one, other):
    return one.dtype == other.dtype and one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def trajectory():
    vectors = torch.tensor([[0.1, NAN], [1e-300, -0.0], [torch.inf, 3.0]], dtype=torch.float64)
    return pm.Trajectory([0, 100, 10**12], {"test_loss": [4.7, NAN, 1 / 3], "per_frequency": vectors})


# ---------------------------------------------------------------------------------------------------------------------
# What it is made from


@pytest.mark.parametrize(
    "steps",
    [
        [0, 5],
        (0, 5),
        range(0, 10, 5),
        np.array([0, 5]),
        np.array([0, 5], dtype=np.uint8),
        np.array([0.0, 5.0]),
        torch.tensor([0, 5]),
        torch.tensor([0, 5], dtype=torch.int32),
        torch.tensor([0.0, 5.0]),
    ],
    ids=lambda steps: f"{type(steps).__name__} {getattr(steps, 'dtype', '')}",
)
def test_steps_become_int64(steps):
    trajectory = pm.Trajectory(steps, {})
    assert trajectory.steps.dtype == torch.int64
    assert trajectory.steps.tolist() == [0, 5]


@pytest.mark.parametrize(
    "values",
    [
        [1, 2],
        (1.0, 2.0),
        np.array([1, 2], dtype=np.int8),
        np.array([1.0, 2.0], dtype=np.float32),
        torch.tensor([1.0, 2.0]),
        torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
        torch.tensor([1.0, 2.0], requires_grad=True),
        [torch.tensor(1.0), torch.tensor(2.0)],
        [torch.tensor(1.0, requires_grad=True), torch.tensor(2.0)],
        np.array([2.0, 1.0])[::-1],
        np.array([1.0, 2.0]).astype(">f8"),
    ],
    ids=[
        "ints", "floats", "int8 array", "float32 array", "tensor", "bfloat16", "with a graph",
        "tensors", "tensors with a graph", "reversed array", "big-endian array",
    ],
)  # fmt: skip
def test_columns_become_float64_without_a_graph(values):
    column = pm.Trajectory([0, 5], {"x": values})["x"]
    assert (column.dtype, column.device.type, column.requires_grad) == (torch.float64, "cpu", False)
    assert column.tolist() == [1.0, 2.0]


def test_what_an_array_masks_was_not_measured():
    masked = np.ma.masked_array([1, 2, 3], mask=[False, True, False])
    np.testing.assert_array_equal(pm.Trajectory([0, 1, 2], {"x": masked})["x"], [1.0, NAN, 3.0])


def test_columns_may_be_nested_lists_of_tensors_with_graphs():
    rows = [[torch.tensor(1.0, requires_grad=True), 2.0], (torch.tensor(3.0, dtype=torch.bfloat16), 4)]
    assert pm.Trajectory([0, 1], {"x": rows})["x"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_columns_may_be_read_only_arrays():
    values = np.array([1.0, 2.0])
    values.flags.writeable = False
    assert pm.Trajectory([0, 5], {"x": values})["x"].tolist() == [1.0, 2.0]


def test_unsigned_steps_have_to_ascend():
    with pytest.raises(ValueError, match=r"`steps` must ascend strictly. Got 3 after 5."):
        pm.Trajectory(np.array([5, 3], dtype=np.uint8), {})


@pytest.mark.parametrize("step", [NAN, float("inf")])
def test_steps_are_finite(step):
    with pytest.raises(TypeError, match=r"`steps` must be integers. Got float64."):
        pm.Trajectory([0.0, step], {})


def test_columns_keep_their_order_and_shapes():
    trajectory = pm.Trajectory([0, 5], {"b": [[1, 2, 3], [4, 5, 6]], "a": np.zeros((2, 2, 4)), "c": np.zeros((2, 0))})
    assert [(name, *values.shape) for name, values in trajectory.columns.items()] == [
        ("b", 2, 3), ("a", 2, 2, 4), ("c", 2, 0),
    ]  # fmt: skip
    assert trajectory["b"].tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


def test_length_is_the_number_of_steps(trajectory):
    assert len(trajectory) == 3


def test_repr_names_the_steps_and_the_columns(trajectory):
    assert repr(trajectory) == "Trajectory(3 steps, 0..1000000000000; test_loss, per_frequency (2))"


def test_arrays_are_the_steps_and_the_columns(trajectory):
    arrays = trajectory.to_arrays()
    assert list(arrays) == ["steps", "test_loss", "per_frequency"]
    assert all(type(array) is np.ndarray for array in arrays.values())
    np.testing.assert_array_equal(arrays["steps"], trajectory.steps.numpy(), strict=True)
    np.testing.assert_array_equal(arrays["per_frequency"], trajectory["per_frequency"].numpy(), strict=True)


# ---------------------------------------------------------------------------------------------------------------------
# It does not change


@pytest.mark.parametrize("field", ["steps", "columns"])
def test_fields_cannot_be_set(trajectory, field):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(trajectory, field, None)


def test_columns_cannot_be_set_or_removed(trajectory):
    with pytest.raises(TypeError):
        trajectory.columns["test_loss"] = torch.zeros(3)
    with pytest.raises(TypeError):
        del trajectory.columns["test_loss"]


@pytest.mark.parametrize("kind", [torch.Tensor.numpy, torch.clone], ids=["arrays", "tensors"])
def test_inputs_are_copied(kind):
    steps, values = kind(torch.tensor([0, 5])), kind(torch.tensor([1.0, 2.0], dtype=torch.float64))
    columns = {"x": values}
    trajectory = pm.Trajectory(steps, columns)
    steps[0], values[0] = -9, -9.0
    columns["y"] = values
    assert trajectory.steps.tolist() == [0, 5]
    assert trajectory["x"].tolist() == [1.0, 2.0]
    assert list(trajectory.columns) == ["x"]


# ---------------------------------------------------------------------------------------------------------------------
# Files


def test_round_trip_keeps_every_bit(trajectory, tmp_path):
    trajectory.save(tmp_path / "run.npz")
    loaded = pm.Trajectory.load(tmp_path / "run.npz")
    assert same_bits(loaded.steps, trajectory.steps)
    assert list(loaded.columns) == list(trajectory.columns)
    assert all(same_bits(loaded[name], trajectory[name]) for name in trajectory.columns)


@pytest.mark.parametrize("name", AWKWARD)
def test_round_trip_keeps_the_name(name, tmp_path):
    pm.Trajectory([0], {"other": [0.0], name: [1.0]}).save(tmp_path / "run.npz")
    loaded = pm.Trajectory.load(tmp_path / "run.npz")
    assert {name: values.tolist() for name, values in loaded.columns.items()} == {"other": [0.0], name: [1.0]}


def test_round_trip_keeps_names_apart_that_differ_by_the_suffix_of_an_array(tmp_path):
    pm.Trajectory([0], {"x": [0.0], "x.npy": [1.0]}).save(tmp_path / "run.npz")
    assert pm.Trajectory.load(tmp_path / "run.npz")["x.npy"].tolist() == [1.0]


def test_trajectory_without_columns_makes_the_round_trip(tmp_path):
    pm.Trajectory([3], {}).save(tmp_path / "run.npz")
    loaded = pm.Trajectory.load(tmp_path / "run.npz")
    assert (loaded.steps.tolist(), dict(loaded.columns)) == ([3], {})


@pytest.mark.parametrize("name", ["run", "run.data", "run.npz"])
@pytest.mark.parametrize("kind", [os.fspath, lambda path: path], ids=["str", "Path"])
def test_file_has_the_name_given_and_is_alone(trajectory, tmp_path, name, kind):
    for _ in range(2):
        trajectory.save(kind(tmp_path / name))
        trajectory.to_csv(kind(tmp_path / "run.csv"))
    assert names(tmp_path) == sorted([name, "run.csv"])
    assert len(pm.Trajectory.load(kind(tmp_path / name))) == 3


def test_file_has_the_permissions_of_any_other(trajectory, tmp_path):
    (tmp_path / "other").touch()
    trajectory.save(tmp_path / "run.npz")
    assert stat.S_IMODE((tmp_path / "run.npz").stat().st_mode) == stat.S_IMODE((tmp_path / "other").stat().st_mode)


@pytest.mark.parametrize(
    ("write", "fails"),
    [
        (pm.Trajectory.save, "numpy.savez_compressed"),
        (pm.Trajectory.save, "os.replace"),
        (pm.Trajectory.to_csv, "csv.writer"),
        (pm.Trajectory.to_csv, "os.replace"),
    ],
)
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=repr)
def test_write_that_fails_leaves_the_old_file(trajectory, tmp_path, monkeypatch, write, fails, error):
    writer = csv.writer

    def fail(file, *_args, **options):
        if isinstance(file, io.StringIO):  # not the file yet: names are tried first
            return writer(file, **options)
        if not isinstance(file, os.PathLike):
            file.write(b"half" if "b" in file.mode else "half")
        raise error

    target = tmp_path / "run"
    target.write_bytes(b"old")
    monkeypatch.setattr(fails, fail)
    with pytest.raises(type(error)) as caught:
        write(trajectory, target)
    assert caught.value is error
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["run"]


@pytest.mark.parametrize("write", [pm.Trajectory.save, pm.Trajectory.to_csv])
def test_half_written_file_lies_beside_its_target(trajectory, tmp_path, monkeypatch, write):
    # Only there is it sure to be on the same disk, between which and another nothing can be replaced at once.
    moved, replace = [], os.replace
    monkeypatch.setattr(os, "replace", lambda half, target: (moved.append(half), replace(half, target)))
    write(trajectory, tmp_path / "run")
    assert [tmp_path in half.parents for half in moved] == [True]


@pytest.mark.parametrize("write", [pm.Trajectory.save, pm.Trajectory.to_csv])
def test_folder_that_is_not_there_is_an_error(trajectory, tmp_path, write):
    with pytest.raises(FileNotFoundError):
        write(trajectory, tmp_path / "runs" / "run")
    assert names(tmp_path) == []


def test_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        pm.Trajectory.load(tmp_path / "run.npz")


class MakesFolder:
    """Unpickled, it leaves a folder behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def arrays(path, **values):
    with path.open("wb") as file:
        np.savez(file, **values)


def array(path, values):
    with path.open("wb") as file:
        np.save(file, values)


def damaged(trajectory, path, change):
    trajectory.save(path)
    path.write_bytes(change(path.read_bytes()))


FILES = {
    "empty": lambda path, _: path.write_bytes(b""),
    "text": lambda path, _: path.write_text("step,test_loss\n0,4.7\n"),
    "one array": lambda path, _: array(path, np.arange(3)),
    "arrays without steps": lambda path, _: arrays(path, test_loss=np.ones(3)),
    "arrays of objects": lambda path, _: arrays(path, steps=np.array([MakesFolder(path.parent / "made")])),
    "pickle": lambda path, _: path.write_bytes(pickle.dumps(MakesFolder(path.parent / "made"))),
    "weights": lambda path, _: torch.save({"steps": torch.arange(3)}, path),
    "first byte changed": lambda path, run: damaged(run, path, lambda data: b"X" + data[1:]),
    "byte changed within": lambda path, run: damaged(run, path, lambda data: data[:60] + b"XXXX" + data[64:]),
    "first half": lambda path, run: damaged(run, path, lambda data: data[: len(data) // 2]),
    "all but the last byte": lambda path, run: damaged(run, path, lambda data: data[:-1]),
}


@pytest.mark.parametrize("name", FILES)
def test_file_of_another_kind_or_damaged_is_an_error_and_is_not_run(trajectory, tmp_path, name):
    path = tmp_path / "run.npz"
    FILES[name](path, trajectory)
    with pytest.raises(ValueError, match=r"^`path` must be a file that Trajectory.save wrote\. Got '.*run\.npz'"):
        pm.Trajectory.load(path)
    assert names(tmp_path) == ["run.npz"]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"test_loss": np.ones(3)}, "it has no steps"),
        ({"steps": np.arange(3), "x": np.ones(2)}, "`columns['x']` must have one entry per step (3). Got shape (2,)"),
        ({"steps": np.zeros(2), "x": np.ones(2)}, "`steps` must ascend strictly. Got 0 after 0"),
        ({"steps": np.arange(1), "x": np.array(["low"])}, "`columns['x']` must be numbers. Got ndarray"),
    ],
)
def test_of_a_file_that_numpy_wrote_it_is_said_what_is_wrong(tmp_path, values, why):
    arrays(tmp_path / "run.npz", **values)
    message = f"`path` must be a file that Trajectory.save wrote. Got {str(tmp_path / 'run.npz')!r}: {why}."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.Trajectory.load(tmp_path / "run.npz")


def test_file_cut_off_anywhere_is_an_error(trajectory, tmp_path):
    trajectory.save(tmp_path / "run.npz")
    whole = (tmp_path / "run.npz").read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.npz").write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"must be a file that Trajectory\.save wrote"):
            pm.Trajectory.load(tmp_path / "cut.npz")


def test_csv_has_one_line_per_step_and_one_column_per_number(tmp_path):
    trajectory = pm.Trajectory(
        [0, 100],
        {
            "test_loss": [4.727387818712341, 1e-26],
            "per_frequency": [[0.5, NAN], [-0.0, torch.inf]],
            "of pairs, \"all\"": [[[1.0, 2.0]], [[3.0, 4.0]]],
            "nothing": [[], []],
        },
    )  # fmt: skip
    trajectory.to_csv(tmp_path / "run.csv")
    assert (tmp_path / "run.csv").read_bytes().decode() == (
        'step,test_loss,per_frequency/1,per_frequency/2,"of pairs, ""all""/1","of pairs, ""all""/2"\n'
        "0,4.727387818712341,0.5,nan,1.0,2.0\n"
        "100,1e-26,-0.0,inf,3.0,4.0\n"
    )


# ---------------------------------------------------------------------------------------------------------------------
# Tracking


def constant(number):
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, number)
    return model


def test_tracked_is_what_the_measure_returns_sorted_by_step():
    checkpoints = [(20, constant(3.0)), (0, constant(1.0)), (10, constant(2.0))]
    trajectory = pm.track(checkpoints, lambda model: {"weight": model.weight, "twice": [2 * model.weight.item()] * 2})
    assert trajectory.steps.tolist() == [0, 10, 20]
    assert trajectory["weight"].tolist() == [[[1.0]], [[2.0]], [[3.0]]]
    assert trajectory["twice"].tolist() == [[2.0, 2.0], [4.0, 4.0], [6.0, 6.0]]


def test_mapping_of_functions_makes_one_column_each():
    measure = {"norm": pm.sum_squared_weights, "one": lambda _: 1}
    trajectory = pm.track([(0, constant(2.0)), (1, constant(3.0))], measure)
    assert {name: values.tolist() for name, values in trajectory.columns.items()} == {
        "norm": [4.0, 9.0],
        "one": [1.0, 1.0],
    }


def test_fields_of_measures_make_one_column_each():
    op = pm.addition(5)
    logits = torch.arange(125.0).reshape(5, 5, 5).sin()
    m = pm.measure(logits, op, [1], train_mask=op.table < 2)
    trajectory = pm.track([(0, None), (1, None)], lambda _: vars(m))
    assert list(trajectory.columns) == list(vars(m))
    assert torch.equal(trajectory["excluded_loss_per_frequency"][1], m.excluded_loss_per_frequency)


def test_values_are_detached_and_copied():
    model = constant(1.0)

    def checkpoints():
        yield 0, model
        nn.init.constant_(model.weight, 2.0)  # as in training goes on
        yield 1, model

    trajectory = pm.track(checkpoints(), lambda model: {"weight": model.weight})
    assert trajectory["weight"].flatten().tolist() == [1.0, 2.0]
    assert not trajectory["weight"].requires_grad


def test_checkpoints_are_taken_one_at_a_time():
    events = []

    def checkpoints():
        for step in range(3):
            events.append(f"load {step}")
            yield step, step

    def measure(step):
        events.append(f"measure {step}")
        return {"step_": step}

    pm.track(checkpoints(), measure)
    assert events == ["load 0", "measure 0", "load 1", "measure 1", "load 2", "measure 2"]


def test_no_model_is_held_while_the_next_is_loaded():
    loaded, alive = weakref.WeakSet(), []

    def load():
        alive.append(len(loaded))
        model = constant(1.0)
        loaded.add(model)
        return model

    pm.track(((step, load()) for step in range(3)), {"weight": lambda model: model.weight})
    assert alive == [0, 0, 0]


@pytest.mark.parametrize(
    ("measure", "error"),
    [
        (lambda model: {"x": model.item() / 0}, ZeroDivisionError),
        (lambda model: {"x": "low" if model else 1}, TypeError),
    ],
    ids=["raised by the measure", "raised by the check"],
)
def test_error_names_the_step(measure, error):
    with pytest.raises(error) as caught:
        pm.track([(1300, torch.tensor(1))], measure)
    assert caught.value.__notes__ == ["This was at step 1300."]


def test_copies_and_pickles(trajectory):
    for again in (copy.deepcopy(trajectory), copy.copy(trajectory), pickle.loads(pickle.dumps(trajectory))):
        assert same_bits(again.steps, trajectory.steps)
        assert again.columns.keys() == trajectory.columns.keys()
        assert all(same_bits(again[name], trajectory[name]) for name in trajectory.columns)


def test_arrays_are_copies(trajectory):
    arrays = trajectory.to_arrays()
    for array in arrays.values():
        array[:] = 9
    assert trajectory.steps[0] == 0
    assert not (trajectory["per_frequency"] == 9).all()


@pytest.mark.parametrize("name", ["steps", 1])
def test_names_are_checked_at_the_first_step(name):
    measured = []

    def measure(model):
        measured.append(model)
        return {name: model}

    with pytest.raises((TypeError, ValueError), match="`measures` must"):
        pm.track([(0, torch.ones(())), (1, torch.ones(()))], measure)
    assert len(measured) == 1


def test_membership_is_of_columns_and_iteration_is_refused(trajectory):
    assert "test_loss" in trajectory
    assert "loss" not in trajectory
    with pytest.raises(TypeError, match="not iterable"):
        list(trajectory)


def test_a_link_is_followed(trajectory, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "run.npz").symlink_to(tmp_path / "kept" / "run.npz")
    trajectory.save(tmp_path / "run.npz")
    assert (tmp_path / "run.npz").is_symlink()
    assert len(pm.Trajectory.load(tmp_path / "kept" / "run.npz")) == 3
