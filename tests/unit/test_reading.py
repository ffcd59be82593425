"""Logs of any program: a few lines of each kind, and the whole message of each error."""

import bz2
import gzip
import lzma
import os
import pickle
import re
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import progress_measures as pm
from progress_measures._commands.names import recognised
from progress_measures.phases.names import KNOWN
from tests._asserts import assert_same

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
RUN = pm.Trajectory([0, 10], {"loss": [1.5, 0.25], "v": [[1.0, 2.0], [3.0, 4.0]]})


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def events(folder):
    """A writer of event files, where TensorBoard is installed."""
    pytest.importorskip("tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder)


def write(content, name="log"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def read(content, **options):
    return pm.Trajectory.read(write(content), **options)


def numbers(run):
    return {name: values.tolist() for name, values in run.columns.items()}


KINDS = {
    "commas": "step,loss\n0,1.5\n10,0.25\n",
    "semicolons": "step;loss\n0;1.5\n10;0.25\n",
    "decimal commas": "step;loss\n0;1,5\n10;0,25\n",
    "quoted decimal commas": 'step,loss\n0,"1,5"\n10,"0,25"\n',
    "tabs": "step\tloss\n0\t1.5\n10\t0.25\n",
    "bars": "step|loss\n0|1.5\n10|0.25\n",
    "blanks": "  step    loss\n 0   1.5\n10  0.25\n",
    "blanks and tabs": "step \t loss\n0  1.5\n10\t0.25\n",
    "pandas to_string": "   step  loss\n0     0  1.50\n1    10  0.25\n",
    "NumPy savetxt": "# made here\n# step loss\n0.0e+00 1.5\n1.0e+01 0.25\n",
    "comments": "# made here\nstep,loss\n0,1.5\n# on\n10,0.25\n",
    "byte order mark": "\ufeffstep,loss\n0,1.5\n10,0.25\n",
    "UTF-16": "step\tloss\n0\t1.5\n10\t0.25\n".encode("utf-16"),
    "lines of Windows": "step,loss\r\n0,1.5\r\n10,0.25\r\n",
    "lines of old Macs": "step,loss\r0,1.5\r10,0.25\r",
    "quoted names": '"step","loss"\n"0","1.5"\n"10","0.25"\n',
    "empty last column": "step,loss,\n0,1.5,\n10,0.25,\n",
    "any order": "step,loss\n10,0.25\n0,1.5\n",
    "names again": "step,loss\n0,1.5\nstep,loss\n10,0.25\n",
    "rows of one step": "step,loss\n0,1.5\n10,\n10,0.25\n10,0.25\n",
    "steps as floats": "step,loss\n0.0,1.5\n1e1,0.25\n",
    "lines of JSON": '{"step": 0, "loss": 1.5}\n{"step": 10, "loss": 0.25}\n',
    "list of objects": '[\n {"step": 0, "loss": 1.5},\n {"step": 10, "loss": 0.25}\n]',
    "object of lists": '{"step": [0, 10], "loss": [1.5, 0.25]}',
    "trainer_state": '{"best": 1, "log_history": [{"step": 0, "loss": 1.5}, {"step": 10, "loss": 0.25}]}',
    "objects by step": '{"0": {"loss": 1.5}, "10": {"loss": 0.25}}',
    "gzip": gzip.compress(b"step,loss\n0,1.5\n10,0.25\n"),
    "bzip2": bz2.compress(b"step,loss\n0,1.5\n10,0.25\n"),
    "xz": lzma.compress(b"step,loss\n0,1.5\n10,0.25\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_read_by_what_it_holds(kind):
    run = read(KINDS[kind])
    assert run.steps.tolist() == [0, 10]
    assert numbers(run) == {"loss": [1.5, 0.25]}
    assert run.step_name == "step"
    (name,) = pm.Runs.read(write(KINDS[kind], "own.name.csv"))
    assert name == "own.name"


LONG = "step,split,loss,acc\n0,train,1.5,0.1\n0,test,1.6,0.2\n10,train,0.25,0.9\n10,test,2.5,0.3\n"


def test_rows_of_training_and_of_test_data_are_columns():
    run = read(LONG)
    assert run.steps.tolist() == [0, 10]
    assert numbers(run) == {
        "train/loss": [1.5, 0.25], "train/acc": [0.1, 0.9], "test/loss": [1.6, 2.5], "test/acc": [0.2, 0.3],
    }  # fmt: skip


def test_rows_of_one_measure_each_are_columns():
    run = read("step,metric,value\n0,train_loss,1.5\n0,test_loss,1.6\n10,train_loss,0.25\n10,test_loss,2.5\n")
    assert numbers(run) == {"train_loss": [1.5, 0.25], "test_loss": [1.6, 2.5]}


def test_rows_that_words_tell_apart_are_runs():
    text = LONG.replace("train", "small").replace("test", "large").replace("split", "model")
    runs = pm.Runs.read(write(text, "log"))
    assert [*runs] == ["small", "large"]
    assert numbers(runs["large"]) == {"loss": [1.6, 2.5], "acc": [0.2, 0.3]}


def test_a_column_of_runs_tells_them_apart_also_where_no_rows_conflict():
    runs = pm.Runs.read(write("step,seed,loss\n0,0,1.5\n5,1,1.6\n10,0,0.25\n15,1,2.5\n", "log"))
    assert {name: run.steps.tolist() for name, run in runs.items()} == {"seed 0": [0, 10], "seed 1": [5, 15]}


def test_words_that_do_not_tell_rows_apart_make_no_runs():
    with pytest.raises(ValueError, match=r"must have one number for each step\. Got loss = 1\.5 and 1\.6 at step 0"):
        read(LONG.replace("test", "train"))
    with pytest.warns(UserWarning, match="without 'phase'"):
        assert [*read("step,phase,loss\n0,a,1\n10,b,2\n20,b,3\n").columns] == ["loss"]


def test_of_several_lists_of_objects_the_log_has_the_steps():
    steps = '[{"epoch": 0, "loss": 1.5}, {"epoch": 10, "loss": 0.25}]'
    assert numbers(read(f'{{"history": {steps}, "snapshots": [{{"size": 3}}, {{"size": 4}}]}}')) == {
        "loss": [1.5, 0.25]
    }
    with pytest.raises(
        ValueError, match=r"must have one list of objects with a step\. Got 'a', 'b' in 'log'\. Write one"
    ):
        read(f'{{"a": {steps}, "b": {steps}}}')


def test_an_array_of_one_axis_is_met_with_code_that_numbers_it():
    np.save("a.npy", np.array([1.0, 0.5]))
    with pytest.raises(ValueError, match="a single array of NumPy's, without names") as caught:
        pm.Trajectory.read("a.npy")
    first, second = re.findall("`(.*?)`", str(caught.value))[1:]
    exec(f"{first}\n{second}")
    assert pm.Trajectory.read("a.npz")["test_loss"].tolist() == [1.0, 0.5]


def test_the_summary_of_a_whole_run_is_of_no_step():
    steps = '{"step": 0, "loss": 1.5}, {"step": 10, "loss": 0.25}'
    whole = '{"step": 10, "train_loss": 0.9, "train_runtime": 7.0}'
    said = r"was read without its summary of the whole run, the line with train_runtime\.$"
    with pytest.warns(UserWarning, match=said):
        run = read(f'{{"log_history": [{steps}, {whole}]}}')
    assert numbers(run) == {"loss": [1.5, 0.25]}


STEPS = {
    "step": ("epoch,step,loss\n0,5,1\n", "step", 5),
    "Step": ("epoch,Step,loss\n0,5,1\n", "Step", 5),
    "global step": ("epoch,Global Step,loss\n0,5,1\n", "Global Step", 5),
    "_step": ("epoch,_step,_runtime\n0,5,1.5\n", "_step", 5),
    "iteration": ("epoch,iteration,loss\n0,5,1\n", "iteration", 5),
    "epoch": (",epoch,loss\n0,5,1\n", "epoch", 5),
    "unnamed": (",loss\n5,1\n6,1\n", "index", 5),
    "empty": ("step,epoch,loss\n,5,1\n", "epoch", 5),
}


@pytest.mark.parametrize("case", STEPS)
def test_the_column_of_steps(case):
    text, name, first = STEPS[case]
    run = read(text)
    assert (run.step_name, int(run.steps[0])) == (name, first)


def test_another_column_of_steps_and_none():
    text = "step,batch,loss\n0,3,1\n0,6,2\n"
    run = read(text, step="batch")
    assert (run.step_name, run.steps.tolist(), numbers(run)["loss"]) == ("batch", [3, 6], [1, 2])
    run = read(text, step="index")
    assert (run.step_name, run.steps.tolist(), numbers(run)["step"]) == ("index", [0, 1], [0, 0])


def test_steps_that_a_float_cannot_hold():
    assert read(f"step,loss\n{2**60},1\n{2**60 + 1},2\n").steps.tolist() == [2**60, 2**60 + 1]


def test_words_are_left_out_and_said_once():
    with pytest.warns(UserWarning, match="was read") as caught:
        run = read("step,regime,ok,when,loss\n0,a,True,2026-01-02 10:00,1\n1,b,False,2026-01-03 10:00,2\n")
    assert numbers(run) == {"loss": [1, 2]}
    (warning,) = caught
    assert str(warning.message) == "'log' was read without 'regime', 'ok', 'when', which have no number for each step."
    assert warning.filename == __file__


def test_spellings_of_no_number():
    run = read("step,loss\n0,1\n1,nan\n2,NaN\n3,None\n4,null\n5,N/A\n6,\n7,inf\n8,-inf\n")
    assert str(numbers(run)["loss"]) == "[1.0, nan, nan, nan, nan, nan, nan, inf, -inf]"


def test_a_row_without_a_step_is_said():
    with pytest.warns(
        UserWarning, match=r"^'log' was read without 1 row without a step, the first in line 4 of 'log'\.$"
    ):
        assert len(read("step,loss\n0,1\n1,2\n,3\n")) == 2


def test_json_of_other_programs():
    with pytest.warns(UserWarning, match="without 'note', 'odd', which"):
        run = read('{"step": 0, "train": {"loss": 1, "w": [1, 2]}, "note": "a", "odd": [1]}\n'
                   '{"step": 5, "train": {"loss": null, "w": [3, 4]}, "odd": [1, 2]}\n')  # fmt: skip
    assert (str(numbers(run)["train/loss"]), numbers(run)["train/w"]) == ("[1.0, nan]", [[1, 2], [3, 4]])
    with pytest.warns(UserWarning, match=r"^'log' was read without its last line, 2, which was cut off\.$"):
        assert len(read('{"step": 0, "loss": 1}\n{"step": 5, "lo')) == 1
    with pytest.warns(UserWarning, match="without 'short', 'lr', which"):
        assert len(read('{"epoch": [0, 1], "short": [1], "lr": 0.1, "loss": [1, 2]}')) == 2


def test_what_this_library_writes(folder):
    named = pm.Trajectory(RUN.steps, RUN.columns, step_name="epoch")
    for run in (RUN, named):
        run.save("run.npz")
        run.to_csv("run.csv")
        for path in ("run.npz", "run.csv"):
            found = pm.Trajectory.read(path)
            assert_same(found, run)
            assert found.step_name == run.step_name
        assert pm.Trajectory.load("run.npz").step_name == pm.Trajectory.from_csv("run.csv").step_name == run.step_name
    recorder = pm.Recorder(lambda x: {"loss": x}, every=1, path=folder / "run.jsonl")
    for step in range(3):
        recorder(step, step + 1.0)
    assert_same(pm.Trajectory.read("run.jsonl"), recorder.trajectory)
    lines = Path("run.jsonl").read_text().splitlines()
    write("\n".join([lines[0], lines[2], ""]), "cut.jsonl")
    with pytest.raises(ValueError, match="line 2 does not follow the line before it"):
        pm.Trajectory.read("cut.jsonl")


def test_a_name_of_steps_that_csv_cannot_keep():
    pm.Trajectory([0], {"epoch": [1.0]}, step_name="epoch").to_csv("run.csv")
    assert pm.Trajectory.from_csv("run.csv").step_name == "step"
    pm.Trajectory([0], {"a": [1.0]}, step_name="batch").to_csv("run.csv")
    assert Path("run.csv").read_text() == "step,a\n0,1.0\n"


def test_arrays():
    np.savez("a.npz", epoch=[2, 1], loss=[1.0, 2.0], w=np.ones((2, 3)), n=113, names=["a", "b"], long=np.ones(5))
    with pytest.warns(UserWarning, match="without 'n', 'long', 'names', which"):
        run = pm.Trajectory.read("a.npz")
    assert (run.step_name, run.steps.tolist(), run["loss"].tolist(), run["w"].shape) == (
        "epoch",
        [1, 2],
        [2, 1],
        (2, 3),
    )
    np.savez("c.npz", t=[0, 5], loss=[1.0, 2.0], x=np.ones(3), y=np.ones(3), z=np.ones(3))
    with pytest.warns(UserWarning, match="without 'x', 'y', 'z', which"):
        assert numbers(pm.Trajectory.read("c.npz", step="t")) == {"loss": [1, 2]}
    np.savez("b.npz", a=[1.0, 2.0])
    assert pm.Trajectory.read("b.npz", step="index").steps.tolist() == [0, 1]


def test_parquet():
    pd.DataFrame({"step": [0, 10], "loss": [1.0, None], "word": ["a", "b"]}).to_parquet("log")
    with pytest.warns(UserWarning, match="without 'word', which"):
        assert str(numbers(pm.Trajectory.read("log"))) == "{'loss': [1.0, nan]}"


def test_event_files():
    for name in ("a", "b/c"):
        with events(f"runs/{name}") as writer:
            for step in (0, 5):
                writer.add_scalar("test/loss", step + 0.5, step)
            writer.add_histogram("w", torch.ones(3), 0)
    with pytest.warns(UserWarning, match="^'runs' was read without 'w', which has no number for each step"):
        runs = pm.Runs.read("runs", rename={"test_loss": "test/loss"})
    assert [*runs] == ["a", "b/c"]
    assert [numbers(run) for run in runs.values()] == [{"test_loss": [0.5, 5.5]}] * 2
    with pytest.warns(UserWarning, match="without 'w'"):
        (name,) = pm.Runs.read("runs/a")
    assert name == "a"
    with pytest.warns(UserWarning, match="without 'w'"):
        assert pm.Trajectory.read(next(Path("runs/a").iterdir())).steps.tolist() == [0, 5]


def test_entries_of_a_vector_in_event_files_are_joined():
    with events("run") as writer:
        for step in (0, 5):
            for entry in (1, 2, 3):
                writer.add_scalar(f"train/recorder/logit_power/{entry}", step + entry, step)
    assert numbers(pm.Trajectory.read("run")) == {"train/recorder/logit_power": [[1, 2, 3], [6, 7, 8]]}


def test_event_files_of_training_and_of_test_data_are_of_one_run():
    for name in ("train", "val"):
        with events(f"run/{name}") as writer:
            writer.add_scalar("loss", 1.5, 0)
    assert set(pm.Trajectory.read("run").columns) == {"train/loss", "val/loss"}
    with events("other") as writer:
        writer.add_scalar("lr", 0.5, 0)
        writer.add_scalars("eval/loss", {"a": 1.0, "b": 2.0}, 0)
    assert set(pm.Trajectory.read("other").columns) == {"lr", "eval/loss/a", "eval/loss/b"}


def test_event_files_without_tensorboard(monkeypatch):
    events("a").close()
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.backend.event_processing.event_file_loader", None)
    with pytest.raises(ImportError, match=r"pip install tensorboard$"):
        pm.Runs.read("a")


CHART = (
    '"Step","a - b - loss","a - b - loss__MIN","a - b - loss__MAX","c - loss","c - loss__MIN","c - loss__MAX"\n'
    '"1","1","0.5","2","","",""\n"2","","","","3","3","3"\n'
)


def test_a_chart_has_its_runs_and_their_bands():
    runs = pm.Runs.read(write(CHART), rename={"test_loss": "loss"})
    assert {name: (run.steps.tolist(), numbers(run)) for name, run in runs.items()} == {
        "a - b": ([1], {"test_loss": [1], "test_loss__MIN": [0.5], "test_loss__MAX": [2]}),
        "c": ([2], {"test_loss": [3], "test_loss__MIN": [3], "test_loss__MAX": [3]}),
    }
    run = read('"Step","a - loss","a - loss__MIN","a - loss__MAX"\n"1","1","1","1"\n')
    assert (run.step_name, [*run.columns]) == ("Step", ["loss", "loss__MIN", "loss__MAX"])


def test_a_run_of_a_chart_without_a_number_is_said():
    with pytest.warns(UserWarning, match=r"^'log' was read without the run 'c', which has no number\.$"):
        assert [*pm.Runs.read(write("\n".join(CHART.splitlines()[:2])))] == ["a - b"]


def test_a_long_table_has_its_runs():
    text = "run,id,seed,step,loss\na,x,1,0,1\na,x,1,5,2\nb,y,2,0,3\nb,y,2,5,4\n"
    with pytest.warns(UserWarning, match="without 'id', which"):
        runs = pm.Runs.read(write(text))
    assert {name: numbers(run)["loss"] for name, run in runs.items()} == {"a": [1, 2], "b": [3, 4]}
    assert [*pm.Runs.read(write("seed,step,loss\n0,0,1\n1,0,2\n"))] == ["seed 0", "seed 1"]
    assert [*pm.Runs.read(write("seed,step,loss\n0,0,1\n0,1,2\n"))] == ["log"]


def test_names_are_exchanged():
    run = read("step,a,b\n0,1,2\n", rename={"a": "b", "b": "a"})
    assert numbers(run) == {"a": [2], "b": [1]}


def test_lightning_writes_rows_of_one_step():
    loggers = pytest.importorskip("lightning.pytorch.loggers")
    logger = loggers.CSVLogger(".", name="", version="")
    for step in range(3):
        logger.log_metrics({"train_loss": step + 1.0}, step=step)
        logger.log_metrics({"recorder/weights": step + 0.5}, step=step)
        logger.save()
    run = pm.Trajectory.read(Path(logger.log_dir) / "metrics.csv")
    assert numbers(run) == {"train_loss": [1, 2, 3], "recorder/weights": [0.5, 1.5, 2.5]}


def test_a_pipe_is_read_once():
    reading, writing = os.pipe()
    with open(reading), open(writing, "wb") as file:
        file.write(gzip.compress(b"step,loss\n0,1\n"))
        file.close()
        assert len(pm.Trajectory.read(f"/dev/fd/{reading}")) == 1


# ---------------------------------------------------------------------------------------------------------------------
# Errors, each whole

ERRORS = {
    "no steps": ("a,b\n1,2.5\n", {},
        "`path` must have a column of steps, such as 'step' or 'epoch'. Got 'a', 'b' in 'log'. Pass its name as "
        "step=…; "
        "step='a' would do; step='index' numbers the rows from 0."),
    "losses alone": ("loss\n2\n3\n", {},
        "`path` must have a column of steps, such as 'step' or 'epoch'. Got 'loss' in 'log'. Pass its name as step=…; "
        "step='index' numbers the rows from 0."),
    "other step": ("step,loss\n0,1\n", {"step": "stop"},
        "`path` must have a column 'stop'. Got 'step', 'loss' in 'log'. Did you mean 'step'?"),
    "fraction": ('{"epoch": 0.5, "batch": 7}\n{"epoch": 1.0, "batch": 9}\n', {},
        "`path` must have whole numbers as steps. Got '0.5' in column 'epoch', line 1 of 'log'. Pass step='batch', a "
        "column that ascends in whole numbers."),
    "fraction alone": ("epoch,loss\n0,1.5\n0.5,1\n", {},
        "`path` must have whole numbers as steps. Got '0.5' in column 'epoch', line 3 of 'log'. Pass step='index', "
        "which "
        "numbers the rows from 0."),
    "stray word": ("step,loss\n0,1.0\n1,oops\n2,2.0\n", {},
        "`path` must hold numbers in a column of numbers. Got 'oops' in column 'loss', line 3 of 'log'. Make that cell "
        "empty, or write nan, where there is no number."),
    "two numbers": ("step,loss\n0,1\n1,2\n1,3\n", {},
        "`path` must have one number for each step. Got loss = 2.0 and 3.0 at step 1, in lines 3 and 4 of 'log'. If "
        "the rows are of several runs, name each row's run in a column 'run': Runs.read tells them apart."),
    "two numbers, batches": ("epoch,loss,batch\n0,1.5,0\n1,2,1\n1,3,2\n", {},
        "`path` must have one number for each step. Got loss = 2.0 and 3.0 at step 1, in lines 3 and 4 of 'log'. Pass "
        "step='batch', a column that ascends in whole numbers."),
    "two runs": ("step,loss\n0,1\n1,2\n0,3\n1,4\n", {},
        "`path` must have one number for each step. Got loss = 1.0 and 3.0 at step 0, in lines 2 and 4 of 'log'. "
        "The steps begin again in line 4 of 'log': write two runs to two files. If it is one run that went on from an "
        "earlier state, take out the rows that it had written after that state."),
    "two runs, names again": ("step,loss\n0,1\n5,2\nstep,loss\n3,3\n", {},
        "`path` must hold one run. Got the line of names again, and step 3 after 5, before line 5 of 'log'. Split "
        "the file "
        "there, and read each part."),
    "several runs": (CHART, {}, "`path` must hold one run. Got 2 in 'log': 'a - b', 'c'. Runs.read reads them all."),
    "thousands": ("step;loss\n0;1,064\n1;1,500\n", {},
        "`path` must have numbers that can be read in one way. Got '1,064' in column 'loss' of 'log', whose comma "
        "may be a "
        "decimal one, or divide thousands. Write decimal points, and nothing between thousands."),
    "no names": ("0,1.0\n10,2.0\n", {},
        "`path` must have a line of names before the numbers. Got '0,1.0' as the first line of 'log'. Write one "
        "there, a name for each of the 2 columns, such as 'step,train_loss'."),
    "uneven": ("step,loss\n0,1\n1,2,3\n", {},
        "`path` must have as many cells in each line as it has names (2). Got 3 in line 3 of 'log'. Mend that line, "
        "or take "
        "it out."),
    "name twice": ("step,a,a\n0,1,2\n", {},
        "`path` must have columns of distinct names. Got 'a' twice in 'log'. Rename one there."),
    "no name": ("step,,a\n0,1,2\n", {},
        "`path` must have a name for each column. Got none for column 2 of 'log', after 'step'. Write one in its "
        "first line."),
    "names alone": ("step,loss\n", {},
        "`path` must have a line of names and at least one of numbers. Got 1 line in 'log'."),
    "empty": ("", {}, "`path` must hold at least one step. Got 'log', which is empty."),
    "steps beside steps": ("step,steps\n0,1\n", {},
        "`path` must not have another column 'steps' than the column of steps. Got one in 'log'. Pass "
        "rename={'other_steps': 'steps'}, or step='steps'."),
    "few steps": ("step,loss\n,1\n,2\n2,3\n", {},
        "`path` must have a step in each row. Got 2 of 3 rows without one in column 'step', the first in line 2 of "
        "'log'. "
        "Pass another column as step=…, or step='index', which numbers the rows from 0."),
    "no JSON": ('{"a": 1,\n', {},
        "`path` must be JSON, or a line of JSON for each step. Got 'log': Expecting property name enclosed in double "
        "quotes: line 1 column 9 (char 8). Mend it there."),
    "text among JSON": ('{"step": 1}\nhello\n{"step": 2}\n', {},
        "`path` must have a JSON object in each line. Got 'hello' in line 2 of 'log'. Take that line out."),
    "numbers in JSON": ("[1, 2]", {},
        "`path` must hold objects, one for each step, or an object of lists. Got a list of other things in 'log'. "
        "Write "
        '{"test_loss": [ … ]}.'),
    "not UTF-8": (b"step,\xb5\n0,1\n", {},
        "`path` must be a log: text in UTF-8, or a file of a kind that is known. Got 'log' with byte 0xb5 at 5. If "
        "it is "
        "text, save it in UTF-8."),
    "picture": (b"\x89PNG\r\n", {}, "`path` must be a log. Got 'log', a picture. Export the numbers as CSV."),
    "old name": ("step,val/loss\n0,1\n", {"rename": {"test_loss": "val_loss"}},
        "`rename` must name columns of the file. Got 'val_loss', where 'log' has 'val/loss'. Did you mean 'val/loss'?"),
    "old name of words": ("step,a,loss\n0,x,1\n", {"rename": {"b": "a"}},
        "`rename` must name columns of the file. Got 'a', which is not a column of numbers, where 'log' has 'loss'."),
    "old name of steps": ("step,loss\n0,1\n", {"rename": {"b": "step"}},
        "`rename` must name columns of the file. Got 'step', the column of steps, where 'log' has 'loss'. Pass "
        "another one "
        "as step=…."),
    "new name": ("step,a,b\n0,1,2\n", {"rename": {"a": "b"}},
        "`rename` must give new names. Got 'a' for 'b', which is another column of 'log'. Give that one a name of "
        "its own "
        "too."),
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
@pytest.mark.filterwarnings("ignore:.*was read without")
def test_an_error_is_one_line(case):
    content, options, message = ERRORS[case]
    with pytest.raises(ValueError, match=r"^`") as caught:
        read(content, **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rename": ["a"]}, "`rename` must be a mapping from new names to names in the file. Got list. "
         'Pass {"test_loss": "val_loss"}.'),
        ({"rename": {"a": 1}}, "`rename` must have strings as names. Got 1 (int)."),
        ({"step": 1}, "`step` must be a string. Got int."),
    ],
)  # fmt: skip
def test_arguments_of_a_wrong_kind(options, message):
    with pytest.raises(TypeError, match=r"^`") as caught:
        read("step,loss\n0,1\n", **options)
    assert str(caught.value) == message
    with pytest.raises(TypeError, match=r"^`path` must be a path\. Got 1 \(int\)\.$"):
        pm.Trajectory.read(1)


# ---------------------------------------------------------------------------------------------------------------------
# Files that have to be converted, and the two lines that do


def as_sqlite(path):
    with sqlite3.connect(path) as base:
        pd.DataFrame(CURVES).to_sql("metrics", base, index=False)


CURVES = {"step": [0, 5], "loss": [1.0, 0.5]}
CONVERTED = {
    "pickle": ("a pickle,", lambda path: Path(path).write_bytes(pickle.dumps(CURVES | {"config": {"lr": 1}}))),
    "torch": ("what torch.save wrote,", lambda path: torch.save(CURVES | {"model": {"w": torch.ones(2)}}, path)),
    "old torch": (
        "what torch.save wrote,",
        lambda path: torch.save(CURVES, path, _use_new_zipfile_serialization=False),
    ),
    "pickle of rows": (
        "a pickle,",
        lambda path: Path(path).write_bytes(pickle.dumps([{"step": 0, "loss": 1}, {"step": 5, "loss": np.half(0.5)}])),
    ),
    "old pickle": ("a pickle,", lambda path: Path(path).write_bytes(pickle.dumps(CURVES, protocol=0))),
    "torch with graphs": (
        "what torch.save wrote,",
        lambda path: torch.save({"step": [0, 5], "loss": [*torch.tensor([1.0, 0.5], requires_grad=True)]}, path),
    ),
    "SQLite": ("an SQLite database.", as_sqlite),
    "Arrow": ("an Arrow file.", lambda path: pd.DataFrame(CURVES).to_feather(path)),
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_two_lines_convert_what_is_not_read(kind):
    name, save = CONVERTED[kind]
    save("run.data")
    with pytest.raises(ValueError, match=rf"^`path` must be a log\. Got 'run\.data', {name}") as caught:
        pm.Trajectory.read("run.data")
    message = str(caught.value)
    assert "\n" not in message
    _, _, _, first, _, second, _ = message.split("`")
    space = {}
    exec(f"{first}\n{second}", space)
    (made,) = [path for path in Path().iterdir() if path.name in ("run.csv", "run.npz", "run.json")]
    assert str(made) in message
    run = pm.Trajectory.read(made)
    assert (run.steps.tolist(), numbers(run)) == ([0, 5], {"loss": [1, 0.5]})


def test_one_array_is_converted():
    np.save("a.npy", np.array([[0, 1.0], [5, 0.5]]))
    with pytest.raises(ValueError, match="a single array of NumPy's") as caught:
        pm.Trajectory.read("a.npy")
    _, _, _, first, _, second, _ = str(caught.value).split("`")
    exec(f"{first}\n{second}", {})
    assert numbers(pm.Trajectory.read("a.npz")) == {"test_loss": [1, 0.5]}


def test_objects_in_an_archive_are_refused():
    np.savez("a.npz", step=[0], a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match=r"^`path` must hold arrays of numbers\. Got 'a\.npy' of Python objects"):
        pm.Trajectory.read("a.npz")


def test_cells_in_percent_are_shares():
    assert numbers(read("step,acc\n0,50%\n5,99.5 %\n")) == {"acc": [0.5, 0.995]}


def test_a_chart_may_have_a_column_of_time():
    head, *rows = CHART.splitlines()
    text = "\n".join([f"{head},Time", *(f"{row},{place}.5" for place, row in enumerate(rows))])
    with pytest.warns(UserWarning, match="without 'Time'"):
        assert [*pm.Runs.read(write(text, "log"))] == ["a - b", "c"]


# ---------------------------------------------------------------------------------------------------------------------
# Names that the commands recognise


def test_names_are_recognised_and_said():
    run = pm.Trajectory([0], {name: [1.0] for name in ["loss", "val.loss", "val.loss__MIN", "Test Acc", "x"]})
    found, notes = recognised(run, ["train_loss", "test_loss", "test_accuracy", "excluded_loss"])
    assert [*found.columns] == ["train_loss", "test_loss", "test_loss__MIN", "test_accuracy", "x"]
    assert notes == [
        "reading loss as train_loss; --rename train_loss=… chooses another",
        "reading val.loss as test_loss; --rename test_loss=… chooses another",
        "reading Test Acc as test_accuracy; --rename test_accuracy=… chooses another",
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["loss", "accuracy", "val_loss", "val_accuracy"],
            {"train_loss", "train_accuracy", "test_loss", "test_accuracy"},
        ),
        (["train_loss_step", "train_loss_epoch"], {"train_loss_step", "train_loss"}),
        (["train_acc_epoch"], {"train_accuracy"}),
    ],
)
def test_names_of_keras_and_lightning_are_recognised(names, expected):
    run = pm.Trajectory([0], {name: [1.0] for name in names})
    assert set(recognised(run, KNOWN)[0].columns) == expected


def test_names_of_two_columns_are_not_recognised():
    run = pm.Trajectory([0], {name: [1.0] for name in ["val_loss", "eval_loss"]})
    assert recognised(run, ["test_loss"]) == (
        run,
        ["val_loss, eval_loss may each be test_loss, so none is read as it; --rename test_loss=val_loss chooses one"],
    )
    both = pm.Trajectory([0], {name: [1.0] for name in ["test/loss", "val_loss"]})
    assert [*recognised(both, ["test_loss"])[0].columns] == ["test_loss", "val_loss"]
    exact = pm.Trajectory([0], {name: [1.0] for name in ["test_loss", "val_loss"]})
    assert recognised(exact, ["test_loss"]) == (exact, [])


# ---------------------------------------------------------------------------------------------------------------------
# Files of other people

UNREAD = {"foreign2.npz": "index"}


@pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference files are not there")
def test_every_reference_file_is_read():
    found = {}
    for path in sorted([*(REFERENCE / "logs").iterdir(), *(REFERENCE / "curves").iterdir()]):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found[path.name] = pm.Runs.read(path, step=UNREAD.get(path.name))
    assert [*found["chart_export.csv"]] == ["weight_decay: 0.1", "weight_decay: 0.5", "weight_decay: 1"]
    assert found["lightning.csv"]["lightning"]["train_loss"].tolist() == [0.4, 0.5]
    assert all(len(run) > 0 for runs in found.values() for run in runs.values())
