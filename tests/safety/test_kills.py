"""If a process is killed while it writes a file, the old or the new file remains."""

import ast
import multiprocessing
import random
import re
import signal
import time

import pytest

from tests.safety._calls import FILES, calls, places
from tests.safety._writers import WRITERS, Lines, again

KILLS, INSIDE, ENOUGH = 6, 2, 60  # at least so many, so many of them in the middle of a file, and no more


@pytest.fixture(scope="module")
def processes():
    """Processes that start at once, because their parent has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.safety._writers"])
    return context


@pytest.mark.parametrize("name", WRITERS)
def test_a_killed_writer_leaves_a_whole_file(tmp_path, processes, name):
    if name == "report":
        pytest.importorskip("bokeh", reason="bokeh is not installed: it is in the extra `report`")
    writer, path, moments = WRITERS[name], tmp_path / "file.png", random.Random(name)
    writer.begin(path)
    for kills in range(1, ENOUGH):
        started = processes.Event()
        process = processes.Process(target=again, args=(name, path, started))
        process.start()
        assert started.wait(300)
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        assert writer.is_whole(path)
        halves = len([*tmp_path.rglob("tmp*")])  # folders of files that were not complete
        if kills >= KILLS and (halves >= INSIDE or isinstance(writer, Lines)):
            return
    raise AssertionError(f"No {INSIDE} of {kills} kills were in the middle of a file.")


# ---------------------------------------------------------------------------------------------------------------------
# What is tested above is everything

WRITES = re.compile(r".*\b(savefig|save_file|savez(_compressed)?|dump)|(.*\.)(write_text|write_bytes)|(np|torch)\.save")
MODES = re.compile(r"['\"][rb]*[wax+][wabx+t]*['\"]")
MEMORY = "in memory"
KNOWN = {
    "_commands/plot.py: plot": "plot",
    "_commands/report.py: report": "report",
    "_files.py: write_npy": "grid_logits",
    "_formats/csv.py: write_csv": "Trajectory.to_csv",
    "_formats/jsonl.py: append": "Recorder",
    "_formats/jsonl.py: write": "a recording anew",
    "_formats/npz.py: write_npz": "Trajectory.save",
    "phases/summary.py: Summary.to_csv": "Summary.to_csv",
    "runs/journal.py: Journal._content": "track",
    "examples/files.py: write_bytes": "checkpoints.write",
    "examples/files.py: write_picture": MEMORY,
}


def writes(name, call):
    if name.split(".")[-1] == "open":
        return any(MODES.fullmatch(ast.unparse(each)) for each in [*call.args, *(k.value for k in call.keywords)])
    return WRITES.fullmatch(name) is not None


def test_every_place_that_writes_a_file_is_known():
    found = {f"{places(file)}: {inside}" for file in FILES for inside, name, call in calls(file) if writes(name, call)}
    assert found == set(KNOWN)
    assert set(KNOWN.values()) <= {*WRITERS, MEMORY}


def test_all_but_lines_are_written_under_another_name_first():
    for file in FILES:
        for inside, name, call in calls(file):
            place = f"{places(file)}: {inside}"
            if writes(name, call) and KNOWN[place] not in ("Recorder", "track", MEMORY):
                whole = "scratch" in ast.unparse(call) or ast.unparse(call.args[0]) in ("file", "picture")
                assert whole, place
