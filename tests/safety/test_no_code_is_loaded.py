"""No file can bring code along: nothing in the source unpickles or evaluates, and no reader falls for a pickle."""

import ast
import io
import os
import pickle
import re
import subprocess
import zipfile

import numpy as np
import pytest
import torch

import progress_measures as pm
from examples.modular_addition import checkpoints
from examples.modular_addition.analysis import analyse
from examples.modular_addition.bundled import final
from examples.modular_addition.training import Config, Run, open_run
from progress_measures.__main__ import main
from tests.safety._calls import FILES, ROOT, calls, places

LOADERS = re.compile(
    r"(pickle|cPickle|_pickle|cloudpickle|dill|marshal|joblib|shelve|yaml)\.(?!dumps$)\w+|.*\.Unpickler"
    r"|torch\.(load|hub\..*|jit\.load|package\..*|serialization\..*)|(\w+\.)?read_pickle"
    r"|eval|exec|compile|__import__|importlib\..*|runpy\..*|os\.(system|popen|exec\w*|spawn\w*)|subprocess\..*"
)
ROOMS = "_checks/rooms.py"  # imports the library's own rooms, from a list
ARRAYS = re.compile(r"(np|numpy)\.(lib\..*\.)?(load|fromfile|memmap|read_array|open_memmap)")


def is_rooms(file):
    return file.as_posix().endswith(f"progress_measures/{ROOMS}")


def imports_a_room(file, call):
    return is_rooms(file) and ast.unparse(call) == "import_module(f'progress_measures.{name}')"


@pytest.mark.parametrize("file", FILES, ids=places)
def test_nothing_in_the_source_loads_code(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for inside, name, call in calls(file):
        assert not LOADERS.fullmatch(name) or imports_a_room(file, call), f"{inside} calls {name}"
        if ARRAYS.fullmatch(name):
            keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert keywords.get("allow_pickle") == "False", f"{inside} calls {name} without allow_pickle=False"
    # Nor under another name.
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            assert not any(map(LOADERS.fullmatch, names - {"importlib.import_module"} if is_rooms(file) else names))
        if isinstance(node, ast.Import):
            assert not any(alias.asname for alias in node.names if alias.name in {"pickle", "marshal", "builtins"})


@pytest.mark.parametrize(
    "name", ["pickle.loads", "pickle.load", "torch.load", "eval", "dill.loads", "subprocess.run", "yaml.safe_load"]
)
def test_the_check_would_find(name):
    assert LOADERS.fullmatch(name)


def test_pages_show_no_loading_of_code():
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for call in re.findall(r"(?:torch|np|pickle)\.loads?\([^)]*\)", page.read_text(encoding="utf-8")):
            assert "weights_only=True" in call or "allow_pickle=False" in call, f"{page.name} shows {call}"


# ---------------------------------------------------------------------------------------------------------------------
# A pickle that would tell, in the place of every file that is read


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def as_pickle(bomb):
    return pickle.dumps(bomb)


def as_checkpoint(bomb):
    buffer = io.BytesIO()
    torch.save({"embed.weight": bomb}, buffer)
    return buffer.getvalue()


def as_array(bomb):
    buffer = io.BytesIO()
    np.save(buffer, np.array([bomb], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def as_archive(bomb):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as members:
        for name in ("steps", "test_loss"):
            members.writestr(f"{name}.npy", as_array(bomb))
    return buffer.getvalue()


def loss(archive, name):
    with np.load(archive, allow_pickle=True) as members:
        return members[name]


KINDS = {
    as_pickle: lambda data: pickle.loads(data),
    as_checkpoint: lambda data: torch.load(io.BytesIO(data), weights_only=False),
    as_array: lambda data: np.load(io.BytesIO(data), allow_pickle=True),
    as_archive: lambda data: loss(io.BytesIO(data), "steps"),
}
OP = pm.addition(5)
TRAIN = torch.eye(5, dtype=torch.bool)


def bundled(folder, name):
    """The bomb in the place of one file of a run, and the others as they are."""
    run = folder / "run"
    run.mkdir()
    for file in (ROOT / "examples/modular_addition/runs/seed1").iterdir():
        if file.name != name:
            (run / file.name).symlink_to(file)
    (folder / "bomb").rename(run / name)
    return run


def phases_of_pipe(path):
    """The command for what the file holds, which comes through a pipe."""
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as cat:
        main(["phases", f"/dev/fd/{cat.stdout.fileno()}", "--answers", "5"])


def of_library():
    """Every function that reads a file, by its name: what it is called with here."""
    return {
        "Trajectory.load": pm.Trajectory.load,
        "Trajectory.from_csv": pm.Trajectory.from_csv,
        "Trajectory.read": pm.Trajectory.read,
        "Runs.read": pm.Runs.read,
        "load_recording": pm.load_recording,
        "Recorder": lambda path: pm.Recorder({"x": torch.numel}, every=1, path=path),
        "add_restricted_loss": lambda path: pm.add_restricted_loss(path, OP, train_mask=TRAIN),
        "track": lambda path: pm.track([(0, torch.nn.Linear(1, 1))], pm.parameter_norms, resume=path),
        "phases": lambda path: main(["phases", str(path), "--answers", "5"]),
        "phases of a pipe": phases_of_pipe,
        "plot": lambda path: main(["plot", str(path), "-o", str(path.parent / "picture.png")]),
        "phases of npz": lambda path: main(["phases", str(path.rename(path.with_suffix(".npz"))), "--answers", "5"]),
        "phases of csv": lambda path: main(["phases", str(path.rename(path.with_suffix(".csv"))), "--answers", "5"]),
    }


def of_examples():
    return {
        "checkpoints.read": checkpoints.read,
        "checkpoints.load": checkpoints.load,
        "Run.load": lambda path: Run.load(Config(n=5), path),
        "Config.load": lambda path: Config.load(bundled(path.parent, "config.json")),
        "open_run": lambda path: open_run(Config.load(run := bundled(path.parent, "state.safetensors")), run),
        "final": lambda path: final(bundled(path.parent, "step_020000.safetensors")),
        "analyse, checkpoint": lambda path: analyse(bundled(path.parent, "step_020000.safetensors")),
        "analyse, losses": lambda path: analyse(bundled(path.parent, "losses.npz")),
        "analyse, curves": lambda path: analyse(bundled(path.parent, "curves.npz")),
    }


READERS = of_library() | of_examples()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bomb_is_one(tmp_path, kind):
    KINDS[kind](kind(Bomb(tmp_path / "went off")))
    assert (tmp_path / "went off").exists()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_a_pickle_is_refused_and_not_loaded(tmp_path, reader, kind):
    path = tmp_path / "bomb"
    data = kind(Bomb(tmp_path / "went off"))
    path.write_bytes(data)
    with pytest.raises((ValueError, SystemExit)) as caught:
        READERS[reader](path)
    assert getattr(caught.value, "code", 1) != 0
    assert not (tmp_path / "went off").exists()
    (held,) = [file for file in tmp_path.rglob("*") if file.is_file() and not file.is_symlink()]
    assert held.read_bytes() == data


READS = re.compile(
    r".*\b(open|read_text|read_bytes|read_array|safe_open|load_file|ZipFile|genfromtxt|loadtxt)|np\.load"
)
OTHERS = {
    "writes",
    "the file that it has just written",
    "bytes of a mapped array, as numbers",
    "/proc/self/maps",
    "JSON that it wrote, and arrays without pickles",
    "JSON and safetensors of an installed package",
    "source of the same package, as bytes",
}
KNOWN = {
    "__main__.py: _say": "writes",
    "_formats/csv.py: read_csv": "Trajectory.from_csv",
    "_formats/csv.py: write_csv": "writes",
    "_formats/jsonl.py: append": "writes",
    "_formats/jsonl.py: write": "writes",
    "_formats/npz.py: _read_array": "Trajectory.load",
    "_formats/npz.py: parse_npz": "Trajectory.load",
    "_formats/npz.py: read_npz": "Trajectory.load",
    "_logs/arrays.py: members_of": "Trajectory.read",
    "_logs/arrays.py: read_arrays": "Trajectory.read",
    "_logs/reading.py: _logs_in": "Runs.read",
    "_formats/npz.py: write_npz": "writes",
    "_files.py: _Source.__init__": "bytes of a mapped array, as numbers",
    "_files.py: _check_writable": "writes",
    "_files.py: _source": "/proc/self/maps",
    "_files.py: write_npy": "writes",
    "grid.py: grid_logits": "the file that it has just written",
    "runs/journal.py: Journal._content": "track",
    "runs/journal.py: load_recording": "load_recording",
    "examples/command.py: say": "writes",
    "examples/key_frequencies/__main__.py: _read": "JSON that it wrote, and arrays without pickles",
    "examples/key_frequencies/networks.py: _arrays": "JSON that it wrote, and arrays without pickles",
    "examples/comparison/__main__.py: main": "JSON that it wrote, and arrays without pickles",
    "examples/comparison/record.py: _version": "source of the same package, as bytes",
    "examples/number_embeddings/encoder.py: load": "JSON and safetensors of an installed package",
    "examples/modular_addition/checkpoints.py: read": "checkpoints.read",
    "examples/modular_addition/training.py: Config.load": "Config.load",
}


def test_every_place_that_opens_a_file_is_known():
    found = {f"{places(file)}: {inside}" for file in FILES for inside, name, _ in calls(file) if READS.fullmatch(name)}
    assert found == set(KNOWN)
    assert {reason for reason in KNOWN.values() if reason not in READERS} == OTHERS
