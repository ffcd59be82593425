"""Files that were cut off, changed, or are of another kind: an error that names them, and they stay as they are."""

import gzip
import json
import pickle
import random
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

import progress_measures as pm
from examples.modular_addition import __main__ as measuring, checkpoints, train as training
from examples.modular_addition.model import Transformer
from tests._asserts import assert_same
from tests._full_disk import refusal
from tests._unchanged import same_files

TRAINING = ["--n", "5", "--fraction", "0.5", "--epochs", "10"]
RUN = pm.Trajectory([0, 10, 25], {"test_loss": [4.5, 0.25, 1e-9], "gini": [[0.1, 0.2]] * 3})


class MakesFolder:
    """Unpickled, it leaves a folder behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return type(self.path).mkdir, (self.path,)


def small():
    return Transformer(3, d_model=4, heads=2, d_mlp=3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def checkpoint(tmp_path):
    checkpoints.save(tmp_path, 0, small())
    return checkpoints.path_of(tmp_path, 0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    training.main(["--output", str(folder), *TRAINING])
    return folder


@pytest.fixture
def run(trained, tmp_path):
    """A trained run that may be damaged."""
    for path in trained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def header_end(data):
    return 8 + struct.unpack("<Q", data[:8])[0]


def refused(load, path, requirement):
    """One line that says what the file must be and which it is; the file is as it was."""
    with same_files(path.parent), pytest.raises(ValueError, match="^" + re.escape(requirement)) as caught:
        load(path)
    message = str(caught.value)
    assert caught.type is ValueError
    assert message.startswith(f"{requirement}. Got {path}: "), message
    assert "\n" not in message, message


WHOLE = "A checkpoint must be a whole safetensors file"


def test_a_checkpoint_that_is_cut_off_anywhere_is_refused(checkpoint):
    data = checkpoint.read_bytes()
    for length in [*range(12), *range(12, len(data), 7), header_end(data), len(data) - 1]:
        checkpoint.write_bytes(data[:length])
        refused(checkpoints.load, checkpoint, WHOLE)


def test_a_checkpoint_whose_header_is_changed_is_refused_or_says_the_same(checkpoint):
    """Some changes are none: of the order of the notes, of a space, of a note that is not read."""
    data = checkpoint.read_bytes()
    original, said = checkpoints.load(checkpoint), []
    for at in range(0, header_end(data), 2):
        checkpoint.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 7]) + data[at + 1 :])
        with same_files(checkpoint.parent):
            try:
                found = checkpoints.load(checkpoint)
            except ValueError as error:
                said.append(str(error))
                continue
        for name, weight in original.state_dict().items():
            assert found.state_dict()[name].shape == weight.shape
        assert found(pm.addition(3).inputs).shape == (9, 4)
    assert len(said) > header_end(data) / 4
    for message in said:
        assert f"Got {checkpoint}: " in message
        assert "\n" not in message


@pytest.mark.parametrize("length", [0, 1, 2**20, 2**40, 2**63, 2**64 - 1])
def test_a_header_of_another_length_is_refused(checkpoint, length):
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(struct.pack("<Q", length) + data[8:])
    refused(checkpoints.load, checkpoint, WHOLE)


def test_a_header_one_byte_off_is_refused(checkpoint):
    data = checkpoint.read_bytes()
    for off in (-1, 1):
        checkpoint.write_bytes(struct.pack("<Q", header_end(data) - 8 + off) + data[8:])
        refused(checkpoints.load, checkpoint, WHOLE)


def test_a_pickle_for_a_checkpoint_is_refused_and_not_run(checkpoint):
    made = checkpoint.parent / "made"
    for write in (
        lambda: checkpoint.write_bytes(pickle.dumps(MakesFolder(made))),
        lambda: torch.save(MakesFolder(made), checkpoint),
        lambda: torch.save(small().state_dict(), checkpoint),
        lambda: torch.save(small().state_dict(), checkpoint, _use_new_zipfile_serialization=False),
        lambda: np.array([MakesFolder(made)]).dump(checkpoint),
    ):
        write()
        refused(checkpoints.load, checkpoint, WHOLE)
    assert not made.exists()


THIS = "A checkpoint must hold the weights of this transformer"


@pytest.mark.parametrize(
    ("tensors", "notes"),
    [
        ({}, {"heads": "2"}),
        ({"unembed.weight": None}, {"heads": "2"}),
        ({"more": torch.ones(2)}, {"heads": "2"}),
        ({"embed.weight": torch.ones(7, 4)}, {"heads": "2"}),
        ({"embed.weight": torch.ones(())}, {"heads": "2"}),
        ({"blocks.0.mlp.hidden.weight": torch.ones(3)}, {"heads": "2"}),
        ({"blocks.0.mlp.hidden.weight": torch.ones(3, 5)}, {"heads": "2"}),
        ({"blocks.0.attn.key.weight": torch.ones(4, 3)}, {"heads": "2"}),
        ({}, {}),
        ({}, {"heads": "two"}),
        ({}, {"heads": "0"}),
        ({}, {"heads": "-2"}),
        ({}, {"heads": "3"}),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(checkpoint, tensors, notes):
    weights = small().state_dict() | tensors
    if not tensors and notes.get("heads") == "2":
        weights = {}
    checkpoints.write(checkpoint, {name: x for name, x in weights.items() if x is not None}, notes)
    refused(checkpoints.load, checkpoint, THIS)


# ---------------------------------------------------------------------------------------------------------------------
# The state of a training that goes on, from the command line


def stopped(folder, *options):
    """What the command says that is to go on with a run; no file is changed."""
    with same_files(folder):
        message = refusal(training.main, ["--output", str(folder), *TRAINING, *options])
    prefix = "python -m examples.modular_addition.train: error: "
    assert message.startswith(prefix), message
    assert "\n" not in message, message
    return message.removeprefix(prefix)


def test_a_state_that_is_cut_off_is_refused_and_kept(run):
    state = run / "state.safetensors"
    data = state.read_bytes()
    for length in [0, 1, 7, 8, 9, 100, header_end(data) - 1, header_end(data), header_end(data) + 1, len(data) - 1]:
        state.write_bytes(data[:length])
        assert stopped(run).startswith(f"{WHOLE}. Got {state}: ")


def restate(state, change):
    tensors, notes = checkpoints.read(state)
    change(tensors, notes)
    checkpoints.write(state, tensors, notes)


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, _: tensors.clear(),
        lambda tensors, _: tensors.pop("losses"),
        lambda tensors, _: tensors.pop("model.embed.weight"),
        lambda tensors, _: tensors.pop("optimizer.0.exp_avg"),
        lambda tensors, _: tensors.pop("optimizer.3.step"),
        lambda tensors, _: tensors.update({"optimizer.0.exp_avg": torch.ones(3)}),
        lambda tensors, _: tensors.update({"optimizer.99.exp_avg": torch.ones(3)}),
        lambda tensors, _: tensors.update({"optimizer.x.exp_avg": torch.ones(3)}),
        lambda tensors, _: tensors.update({"optimizer.exp_avg": torch.ones(3)}),
        lambda tensors, _: tensors.update({"model.embed.weight": torch.ones(3, 3)}),
        lambda tensors, _: tensors.update({"losses": torch.full((11, 2), torch.nan)}),
        lambda tensors, _: tensors.update({"losses": torch.ones(3)}),
        lambda _, notes: notes.pop("config"),
        lambda _, notes: notes.pop("epoch"),
        lambda _, notes: notes.update(epoch="ten"),
        lambda _, notes: notes.update(epoch="-1"),
        lambda _, notes: notes.update(epoch="12"),
        lambda _, notes: notes.update(config="{"),
        lambda _, notes: notes.update(config="[]"),
        lambda _, notes: notes.update(config='{"modulus": 5}'),
    ],
)
def test_a_state_that_is_not_whole_is_refused_and_kept(run, change):
    state = run / "state.safetensors"
    restate(state, change)
    assert stopped(run).startswith(f"A state must be one that training wrote. Got {state}: ")


def test_a_state_without_damage_is_gone_on_with(run, capsys):
    restate(run / "state.safetensors", lambda *_: None)
    training.main(["--output", str(run), *TRAINING, "--epochs", "12"])
    assert len(pm.Trajectory.load(run / "losses.npz")) == 13
    capsys.readouterr()


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"modulus": 5}', '{"n": 5', "\x00"])
def test_a_config_that_cannot_be_read_is_refused_and_kept(run, text):
    (run / "config.json").write_text(text)
    assert stopped(run).startswith(f"A run must have a readable config. Got {run / 'config.json'}: ")


def test_another_run_in_the_folder_is_kept(run):
    assert stopped(run, "--seed", "1").startswith(f"`output` must be empty or hold the same run. Got {run}, which ")
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"epochs": 3}))
    assert stopped(run, "--epochs", "3") == "`epochs` must be at least the 10 that the run has had. Got 3."


@pytest.mark.parametrize("name", ["config.json", "losses.npz", "step_000010.safetensors"])
@pytest.mark.parametrize("damage", [lambda _: b"", lambda data: data[: len(data) // 2], lambda _: pickle.dumps(1)])
def test_a_damaged_run_is_not_measured(run, name, damage):
    (run / name).write_bytes(damage((run / name).read_bytes()))
    out = run / "out"
    out.mkdir()
    with same_files(run):
        message = refusal(measuring.main, ["--run", str(run), "--output", str(out)])
    assert message.startswith("python -m examples.modular_addition: error: ")
    assert str(run / name) in message
    assert "\n" not in message


# ---------------------------------------------------------------------------------------------------------------------
# Trajectories and recordings

MEMORY = Path("/proc/self/mem")  # whose first byte is nowhere
SAVED = "`path` must be a file that Trajectory.save wrote. Got "


def load_or_refuse(path):
    """The trajectory, or None where it is refused by name in one line; the file is as it was."""
    with same_files(path.parent):
        try:
            return pm.Trajectory.load(path)
        except ValueError as error:
            message = str(error)
    assert message.startswith(f"{SAVED}{str(path)!r}"), message
    assert "\n" not in message, message
    return None


def test_a_trajectory_with_a_changed_byte_is_refused_or_the_same(tmp_path):
    RUN.save(path := tmp_path / "run.npz")
    data = path.read_bytes()
    whole = 0
    for at in range(len(data)):
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x04]) + data[at + 1 :])
        found = load_or_refuse(path)
        if found is not None:
            whole += 1
            if list(found.columns) == list(RUN.columns):  # a name is not in any checksum
                assert_same(found, RUN)
    assert whole < len(data) / 2


@pytest.mark.skipif(not MEMORY.exists(), reason="the system has no file that cannot be read")
@pytest.mark.parametrize("load", [pm.Trajectory.load, pm.Trajectory.from_csv, pm.load_recording])
def test_a_file_that_the_system_cannot_read_is_not_called_damaged(load):
    with pytest.raises(OSError, match="Input/output error"):
        load(MEMORY)


def test_a_pickle_in_a_trajectory_is_refused_and_not_run(tmp_path):
    path, made = tmp_path / "run.npz", tmp_path / "made"
    objects = np.array([MakesFolder(made)], dtype=object)
    for arrays in ({"steps": objects}, {"steps": np.array([0]), "column.test_loss": objects}):
        np.savez(path, allow_pickle=True, **arrays)
        assert load_or_refuse(path) is None
    for name in ("run.csv", "run.jsonl"):
        (tmp_path / name).write_bytes(pickle.dumps(MakesFolder(made)))
    for load, file in ((pm.Trajectory.from_csv, "run.csv"), (pm.load_recording, "run.jsonl")):
        with same_files(tmp_path), pytest.raises(ValueError, match=rf"^`path` must .*{file}"):
            load(tmp_path / file)
    assert not made.exists()


def test_a_table_that_is_cut_off_is_refused_or_a_part(tmp_path):
    """CSV has no checksum: a last number that was cut off is a number, and all before it is what it was."""
    RUN.to_csv(path := tmp_path / "run.csv")
    text, said = path.read_text(), []
    for length in range(len(text)):
        path.write_text(text[:length])
        with same_files(tmp_path):
            try:
                found = pm.Trajectory.from_csv(path)
            except ValueError as error:
                said.append(str(error))
                continue
        whole = len(found) - 1
        assert found.steps[:whole].tolist() == RUN.steps[:whole].tolist()
        assert torch.equal(found["test_loss"][:whole], RUN["test_loss"][:whole])
    assert said
    assert all(repr(str(path)) in message for message in said)


LOGS = {
    "CSV": b'step,"a b",word\n0,1.5,x\n10,nan,y\n',
    "decimal commas": b"step;loss\n0;1,5\n10;0,25\n",
    "JSON lines": b'{"step": 0, "a": {"b": [1, 2]}}\n{"step": 5, "a": {"b": [3, 4]}, "c": null}\n',
    "JSON": b'{"log_history": [{"step": 0, "loss": 1.5}, {"step": 10, "loss": 0.25}]}',
    "chart": b'"Step","a - l","a - l__MIN","a - l__MAX"\n"1","2","1","3"\n',
    "gzip": gzip.compress(b"step,loss\n0,1\n"),
}
PIECES = [
    b'"',
    b",",
    b"\n",
    b"{",
    b"[",
    b"]",
    b"}",
    b"1e999",
    b"\0",
    b"\xff",
    b"#",
    b"step",
    b"[[1]]",
    b"9" * 25,
    b" - ",
]


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.filterwarnings("ignore:.*was read without")
def test_a_log_that_was_changed_is_read_or_refused_by_name(tmp_path, kind):
    path, drawn = tmp_path / "run.log", random.Random(0)
    said = []
    for _ in range(300):
        data = bytearray(LOGS[kind])
        for _ in range(drawn.randint(1, 3)):
            at = drawn.randrange(len(data) + 1)
            if drawn.random() < 0.5:
                data[at:at] = drawn.choice(PIECES)
            else:
                del data[at : at + drawn.randint(1, 8)]
        path.write_bytes(data)
        try:
            pm.Runs.read(path)
        except ValueError as error:
            said.append(str(error))
    assert 0 < len(said) < 300
    assert [message for message in said if "run.log" not in message or "\n" in message] == []


@pytest.mark.parametrize("text", ["", '{"step": 0, "colu', '{"step": 0, "error": "ValueError: 1"}\n'])
def test_a_recording_without_a_step_is_refused_by_name(tmp_path, text):
    (path := tmp_path / "run.jsonl").write_text(text)
    with same_files(tmp_path), pytest.raises(ValueError, match=r"^`path` must hold") as caught:
        pm.load_recording(path)
    assert str(caught.value) == f"`path` must hold at least one step that was measured. Got {str(path)!r} without one."


def test_a_recording_that_is_cut_off_anywhere_has_the_steps_before(tmp_path):
    path = tmp_path / "run.jsonl"
    recorder = pm.Recorder(lambda _: {"loss": 0.5}, every=1, path=path)
    for step in range(3):
        recorder(step, None)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        steps = data[:length].count(b'"}')  # a line is whole without its end, too
        with same_files(tmp_path):
            if steps > 0:
                assert pm.load_recording(path).steps.tolist() == [*range(steps)]
                continue
            with pytest.raises(ValueError, match=r"^`path` must hold at least one step that was measured\."):
                pm.load_recording(path)
