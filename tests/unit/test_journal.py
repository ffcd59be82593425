"""The file that a Recorder and track write, whoever reads it."""

import json
import os
import pickle
import re
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

import progress_measures as pm
from tests._asserts import assert_same
from tests._journal_writers import KINDS, started, written

MEASURE = {"x": float, "v": lambda x: [x, -x]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def record(path, steps, measure=MEASURE):
    recorder = pm.Recorder(measure, every=1, path=path)
    for step in steps:
        recorder(step, float(step))
    return recorder


def track(path, steps, measures=MEASURE, **options):
    return pm.track([(step, float(step)) for step in steps], measures, resume=path, **options)


def lines(path):
    """What the lines of a file say, without their checks."""
    records = [json.loads(line) for line in path.read_text().splitlines() if line]
    return [{key: value for key, value in record.items() if key not in {"after", "check"}} for record in records]


READERS = {
    "load_recording": ("path", pm.load_recording),
    "Recorder": ("path", lambda path: record(path, [])),
    "track": ("resume", lambda path: track(path, [0])),
}


@pytest.fixture(params=READERS)
def reader(request):
    return READERS[request.param]


# ---------------------------------------------------------------------------------------------------------------------
# One format


def test_both_write_the_same_lines(tmp_path):
    record(tmp_path / "recorder", [0, 10])
    track(tmp_path / "track", [0, 10])
    assert (tmp_path / "recorder").read_bytes() == (tmp_path / "track").read_bytes()
    assert lines(tmp_path / "track")[1] == {"step": 10, "columns": {"x": 10.0, "v": [10.0, -10.0]}}


def test_track_goes_on_with_a_recorders_file(path):
    record(path, [0, 20, 10])  # back at 10
    measured = []
    found = track(path, [0, 10, 20], {"x": lambda x: measured.append(x) or x, "v": MEASURE["v"]})
    assert measured == [20]
    assert_same(found, track(None, [0, 10, 20]))
    assert_same(pm.load_recording(path), found)


def test_a_recorder_goes_on_with_the_file_of_track(path):
    with ThreadPoolExecutor(2) as executor:
        track(path, [30, 0, 20, 10], executor=executor)  # in any order
    recorder = record(path, [])
    assert_same(recorder.trajectory, track(None, [0, 10, 20, 30]))
    recorder(15, 15.0)
    assert recorder.trajectory.steps.tolist() == [0, 10, 15]
    assert_same(pm.load_recording(path), recorder.trajectory)


def test_checkpoints_in_any_order_are_no_step_back(path):
    assert_same(track(path, [30, 0, 20]), track(None, [0, 20, 30]))
    assert_same(pm.load_recording(path), track(None, [0, 20, 30]))


@pytest.mark.filterwarnings("ignore:Step:RuntimeWarning")
def test_what_failed_is_nan_until_it_is_measured(path):
    failed = {"x": lambda x: x if x != 10 else 1 / 0, "v": MEASURE["v"]}
    found = track(path, [0, 10, 20], failed, errors="record")
    assert pm.load_recording(path)["x"].isnan().tolist() == [False, True, False]
    assert_same(pm.load_recording(path), found)
    assert_same(pm.Recorder(MEASURE, path=path).trajectory, found)
    again = track(path, [0, 10, 20])
    assert_same(pm.load_recording(path), again)
    assert_same(pm.load_recording(path), again)


def test_a_step_back_drops_what_failed_too(path):
    path.write_text('{"step": 0, "columns": {"x": 1.0, "v": [0, 1]}}\n{"step": 20, "error": "OSError: gone"}\n')
    record(path, [10])
    assert pm.load_recording(path).steps.tolist() == [0, 10]


def test_a_line_takes_the_place_of_one_of_its_step(path):
    path.write_text("".join(f'{{"step": {step}, "columns": {{"x": {x}}}}}\n' for step, x in [(1, 1), (0, 2), (1, 3)]))
    found = pm.load_recording(path)
    assert (found.steps.tolist(), found["x"].tolist()) == ([0, 1], [2, 3])


# ---------------------------------------------------------------------------------------------------------------------
# Lines that are cut off, and disks that are full


def test_a_line_that_was_cut_off_is_taken_off_by_the_next_writer_alone(path, reader):
    record(path, [0, 10])
    for torn in (
        b"{",
        b'{"step": 2',
        b'{"step": 20, "columns": {"x": 20.0}',
        b'{"step": 20, "columns": {"x": 20.0, "v',
        b'{"step": 20, "columns": {"x": 20.0, "v": [1.0]}, "after": "00000000", "check": "0123456',
    ):
        whole = path.read_bytes()
        with path.open("ab") as file:
            file.write(torn)
        reader[1](path)
        assert path.read_bytes() == whole + torn
        record(path, []).record(10, 10.0)
        assert path.read_bytes().startswith(whole + b'{"step": 10, ')
        assert_same(pm.load_recording(path), track(None, [0, 10]))


@pytest.mark.parametrize("write", [record, track], ids=["Recorder", "track"])
def test_a_full_disk_costs_nothing_that_was_written_before(path, write):
    resource = pytest.importorskip("resource")
    wide = {"x": lambda x: torch.full((1000,), x)}
    write(path, [0], wide)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
        for _ in range(2):
            with pytest.raises(OSError, match=r"File too large|No space left"):
                write(path, [0, 1] if write is track else [1], wide)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert pm.load_recording(path).steps.tolist() == [0]
    write(path, [0, 2] if write is track else [2], wide)
    assert pm.load_recording(path).steps.tolist() == [0, 2]


@pytest.mark.parametrize("write", [record, track], ids=["Recorder", "track"])
def test_each_line_is_on_the_disk_before_the_next_step(path, write, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    sizes = []
    write(path, range(3), {"x": lambda x: sizes.append(path.stat().st_size) or x})
    assert synced == [*sizes[1:], path.stat().st_size]


@pytest.mark.parametrize("kind", KINDS)
def test_of_several_processes_one_writes_at_a_time(path, kind):
    record(path, [0]).record(1, 1.0)  # held by no one, because the recorder is gone
    holder = record(path, [])
    holder.record(2, 2.0)
    before = path.read_bytes()
    assert written(kind, path) == (
        f"{str(path)!r} must have one writer at a time. Another process is writing to it. "
        "Wait until it has ended, or pass another file."
    )
    assert path.read_bytes() == before
    del holder
    assert written(kind, path) == ""
    assert pm.load_recording(path).steps.tolist() == [*range(4)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_process_holds_nothing(path, kind):
    for step in (9, 10, 11):
        writer = started(kind, path)
        with pytest.raises(RuntimeError, match="Another process is writing to it"):
            record(path, []).record(step, 1.0)
        writer.kill()
        writer.join()
        record(path, []).record(step, 1.0)
        assert pm.load_recording(path).steps[-1] == step


def test_a_recorder_reads_what_was_written_after_it_was_made(path):
    early, late = record(path, []), record(path, [0, 10, 20])
    early.record(15, 15.0)
    assert_same(early.trajectory, track(None, [0, 10, 15]))
    assert_same(pm.load_recording(path), early.trajectory)
    with pytest.raises(
        RuntimeError, match=r"^'.*' must have one writer at a time\. It has .*\. Give each recorder a file"
    ):
        late.record(30, 30.0)
    assert_same(pm.load_recording(path), early.trajectory)


def test_a_file_that_became_shorter_is_an_error_and_nothing_is_forgotten(path):
    recorder = record(path, [0, 10])
    late = record(path, [])
    path.write_bytes(path.read_bytes()[:-20])
    for each in (recorder, late):
        with pytest.raises(RuntimeError, match="must have one writer at a time"):
            each.record(20, 20.0)
        assert each.trajectory.steps.tolist() == [0, 10]


@pytest.mark.parametrize("errors", ["raise", "record"])
@pytest.mark.parametrize("leave", ["unlink", "move"])
def test_a_file_that_is_deleted_or_moved_is_written_anew(path, errors, leave):
    recorder = pm.Recorder(about(MEASURE), every=1, path=path, errors=errors)
    for step in (0, 10, 20):
        recorder(step, float(step))
    whole = path.read_bytes()
    path.unlink() if leave == "unlink" else path.rename(path.with_name("moved"))
    message = f"{str(path)!r} was deleted or moved. It was written anew, with all steps so far."
    with pytest.warns(RuntimeWarning, match=f"^{re.escape(message)}$"):
        assert recorder(30, 30.0) == {"x": 30.0, "v/1": 30.0, "v/2": -30.0}
    assert path.read_bytes().startswith(whole)
    recorder(40, 40.0)
    assert_same(pm.load_recording(path), track(None, [0, 10, 20, 30, 40]))
    path.unlink()
    with pytest.warns(RuntimeWarning, match="was deleted or moved"):
        recorder(5, 5.0)  # which goes back
    assert_same(pm.load_recording(path), track(None, [0, 5]))
    assert sorted(file.name for file in path.parent.iterdir() if file.name != "moved") == [".run.jsonl.lock", path.name]


def about(measures):
    """Measures that say what they are."""

    def measure(x):
        return {name: function(x) for name, function in measures.items()}

    measure.about = {"what": "numbers"}
    return measure


@pytest.mark.filterwarnings("ignore:.* was deleted or moved:RuntimeWarning", "ignore:Step 10:RuntimeWarning")
def test_what_is_written_anew_holds_what_failed_and_what_is_measured(path):
    failing = {"x": lambda x: x if x != 10 else 1 / 0, "v": MEASURE["v"]}
    recorder = pm.Recorder(about(failing), every=1, path=path, errors="record")
    recorder(0, 0.0)
    recorder(10, 10.0)
    path.unlink()
    recorder(20, 20.0)
    assert [next(key for key in line if key != "step") for line in lines(path)] == [
        "about",
        *["columns", "error"],
        "columns",
    ]
    assert_same(pm.load_recording(path), recorder.trajectory)
    other = about(MEASURE)
    other.about = {"what": "others"}
    with pytest.raises(ValueError, match=r"^`path` must be a recording of the same measures\."):
        pm.Recorder(other, path=path)


def test_an_empty_file_that_is_deleted_is_made_again_without_a_word(path):
    recorder = record(path, [])
    path.unlink()
    recorder(0, 0.0)
    assert_same(pm.load_recording(path), track(None, [0]))


def test_track_writes_a_deleted_file_anew(path):
    with pytest.warns(RuntimeWarning, match="was deleted or moved"):
        track(path, [0, 10, 20], {"x": lambda x: path.unlink() or x if x == 10 else x, "v": MEASURE["v"]})
    assert_same(pm.load_recording(path), track(None, [0, 10, 20]))


def test_a_folder_that_is_deleted_ends_no_training_that_records_errors(path):
    path = path.parent / "runs" / "run.jsonl"
    path.parent.mkdir()
    recorders = [
        pm.Recorder(MEASURE, every=1, path=path.with_suffix(suffix), errors=errors)
        for suffix, errors in [(".jsonl", "record"), (".raise", "raise")]
    ]
    for recorder in recorders:
        recorder(0, 0.0)
    shutil.rmtree(path.parent)
    with pytest.raises(FileNotFoundError):
        recorders[1](10, 10.0)
    message = (
        f"{str(path)!r} could not be written. FileNotFoundError: [Errno 2] No such file or directory: {str(path)!r}. "
        "What is recorded stays in memory, in `recorder.trajectory`, until the file can be written at a later step."
    )
    with pytest.warns(RuntimeWarning, match=f"^{re.escape(message)}$"):
        assert recorders[0](10, 10.0) == {"x": 10.0, "v/1": 10.0, "v/2": -10.0}
    recorders[0](20, 20.0)  # without another warning, which would be an error here
    recorders[0](15, 15.0)  # goes back
    assert recorders[0].trajectory.steps.tolist() == [0, 10, 15]
    assert not path.parent.exists()
    path.parent.mkdir()
    with pytest.warns(RuntimeWarning, match="was deleted or moved. It was written anew, with all steps so far"):
        recorders[0](30, 30.0)
    assert_same(pm.load_recording(path), track(None, [0, 10, 15, 30]))


def test_a_full_disk_ends_no_training_that_records_errors(path, monkeypatch):
    recorder = pm.Recorder(MEASURE, every=1, path=path, errors="record")
    recorder(0, 0.0)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.warns(
            RuntimeWarning, match=r"could not be written\. OSError: \[Errno 28\] No space left on device"
        ):
            recorder(10, 10.0)
        recorder(20, 20.0)
        assert pm.load_recording(path).steps.tolist() == [0]
        assert recorder.trajectory.steps.tolist() == [0, 10, 20]
    recorder(30, 30.0)
    assert_same(pm.load_recording(path), track(None, [0, 10, 20, 30]))
    file = path.stat().st_ino
    recorder(40, 40.0)
    assert path.stat().st_ino == file  # not anew again
    assert_same(pm.load_recording(path), track(None, [0, 10, 20, 30, 40]))


def test_what_could_not_be_written_takes_no_other_writer_s_place(path, monkeypatch):
    recorder = pm.Recorder(MEASURE, every=1, path=path, errors="record")
    recorder(0, 0.0)
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.warns(RuntimeWarning, match="could not be written"):
            recorder(10, 10.0)
    other = record(path, [5])
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="must have one writer at a time"):
        recorder(20, 20.0)
    assert path.read_bytes() == before
    assert other.trajectory.steps.tolist() == [0, 5]


def test_after_a_full_disk_a_line_that_was_cut_off_is_no_other_writer(path, monkeypatch):
    record(path, [0])
    with path.open("ab") as file:
        file.write(b'{"step": 10, "colu')
    recorder = record(path, [])
    with monkeypatch.context() as full:
        full.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            recorder.record(10, 10.0)
    recorder.record(10, 10.0)
    assert pm.load_recording(path).steps.tolist() == [0, 10]


def test_columns_are_compared_before_the_first_line_is_written(path):
    early = pm.Recorder({"y": float}, path=path)
    record(path, [0, 10])
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"must return the same names at every step\. Got a difference in"):
        early.record(20, 20.0)
    assert path.read_bytes() == before


def test_the_lock_is_one_hidden_file(path):
    record(path, [0])
    assert sorted(file.name for file in path.parent.iterdir()) == [".run.jsonl.lock", "run.jsonl"]


def test_the_lock_of_a_long_name_is_short_and_one(path):
    path = path.with_name("é" * 120 + "x" * 9 + ".jsonl")  # 255 bytes
    holder = record(path, [0])
    assert "Another process is writing to it" in written("Recorder", path)
    del holder
    assert written("Recorder", path) == ""
    (lock,) = [file.name for file in path.parent.iterdir() if file != path]
    assert re.fullmatch(r"\.[0-9a-f]{64}\.lock", lock)


def test_threads_lose_no_step_in_silence(path):
    recorder, errors = pm.Recorder({"x": float}, every=1, path=path), []

    def run(first):
        try:
            for step in range(first, 400, 4):
                recorder(step, float(step))
        except RuntimeError as error:
            errors.append(str(error))

    with ThreadPoolExecutor(4) as executor:
        list(executor.map(run, range(4)))
    lost = 400 - len(recorder.trajectory)
    assert (lost == 0) == (not errors)
    for error in errors:
        assert re.fullmatch(
            r"`step` must ascend where several threads call a recorder. Got \d+ after \d+ in another thread. "
            r"Make a recorder for each run, or measure checkpoints with track\(executor=…\).", error
        )  # fmt: skip
    assert_same(pm.load_recording(path), recorder.trajectory)


def test_one_thread_may_go_on_after_another_and_go_back(path):
    recorder = pm.Recorder({"x": float}, every=1, path=path)
    for steps in ([0, 1, 2], [3, 4, 2]):
        with ThreadPoolExecutor(1) as executor:
            list(executor.map(lambda step: recorder(step, float(step)), steps))
    assert recorder.trajectory.steps.tolist() == [0, 1, 2]


# ---------------------------------------------------------------------------------------------------------------------
# Other files


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"step,test_loss\n0,4.7\n", "whose line 1 is none of theirs: b'step,test_loss'."),
        (b"weights without an end of line", "whose line 1 is none of theirs: b'weights without an end of line'."),
        (b"[1, 2]\n", "whose line 1 is none of theirs: b'[1, 2]'."),
        (b"3\n", "whose line 1 is none of theirs: b'3'."),
        (b"[" * 100_000, "whose line 1 is none of theirs: b'" + "[" * 60 + "'."),
        (b"\xff\xfe\n", "whose line 1 is none of theirs: b'\\xff\\xfe'."),
        (b'{"steps": 3}\n', "whose line 1 is none of theirs: b'{\"steps\": 3}'."),
        (b'{"steps": 0', "whose line 1 is none of theirs: b'{\"steps\": 0'."),
        (b'{"step": 3}\n', "whose line 1 is none of theirs: b'{\"step\": 3}'."),
        (b'{"step": 1, "columns": [1]}\n', 'whose line 1 is none of theirs: b\'{"step": 1, "columns": [1]}\'.'),
        (b'{"step": 1, "back": "far"}\n', 'whose line 1 is none of theirs: b\'{"step": 1, "back": "far"}\'.'),
        (pickle.dumps({"step": 1}, protocol=0), "whose line 1 is none of theirs: b'(dp0'."),
        (b'{"step": -3, "columns": {"x": 1}}\n', "line 1: `step` must be at least 0. Got -3."),
        (b'{"step": 0.5, "back": true}\n', "line 1: `step` must be an integer. Got 0.5 (float)."),
        (b'{"step": 1, "columns": {"x": "high"}}\n', "line 1: `x` must be numbers. Got str."),
        (b'{"step": 1, "back": true}\n\nx\n', "whose line 3 is none of theirs: b'x'."),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_of_another_kind_is_refused_and_left_alone(path, reader, content, reason):
    path.write_bytes(content)
    name, read = reader
    with pytest.raises(ValueError, match=f"^`{name}` must be") as caught:
        read(path)
    assert str(caught.value) == f"`{name}` must be a file that a Recorder or track wrote. Got {str(path)!r}, {reason}"
    assert path.read_bytes() == content


@pytest.mark.parametrize(("columns", "listed"), [('{"y": 1}', "y ()"), ('{"x": [1, 2]}', "x (2,)")])
def test_a_file_of_two_measures_is_refused_and_left_alone(path, reader, columns, listed):
    content = f'{{"step": 1, "columns": {{"x": 1}}}}\n{{"step": 2, "columns": {columns}}}\n'
    path.write_text(content)
    name, read = reader
    with pytest.raises(ValueError, match=f"^`{name}` must hold") as caught:
        read(path)
    assert str(caught.value) == (
        f"`{name}` must hold the same columns at every step. Got {listed} in line 2 of {str(path)!r}, after x (). "
        "Write each measure to its own file."
    )
    assert path.read_text() == content


def test_zeros_at_the_end_as_a_power_cut_leaves_them_are_passed_over(path, reader):
    record(path, [0, 10])
    with path.open("ab") as file:
        file.write(b"\0" * 50)
    reader[1](path)
    pm.Recorder(MEASURE, every=1, path=path)(20, 20.0)
    assert pm.load_recording(path).steps.tolist() == [0, 10, 20]


def test_a_damaged_line_is_named(path, reader):
    record(path, [0, 10, 20])
    first, second, third = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.replace(b":", b";") + third)
    with pytest.raises(ValueError, match="whose line 2 is none of theirs"):
        reader[1](path)


def test_a_line_without_a_check_after_one_that_has_it_is_named(path, reader):
    record(path, [0, 10])
    with path.open("ab") as file:
        file.write(b'{"step": 20, "columns": {"x": 20.0, "v": [0, 20]}}\n')
    with pytest.raises(ValueError, match="whose line 3 has no check, though lines before it have one"):
        reader[1](path)


def test_a_last_line_with_a_check_was_not_cut_off_and_has_to_fit(path, reader):
    record(path, [0, 10])
    path.write_bytes(path.read_bytes()[:-1].replace(b'"step": 10,', b'"step": 10;'))
    with pytest.raises(ValueError, match="whose line 2 is none of theirs"):
        reader[1](path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        pm.load_recording(tmp_path / "run.jsonl")
    assert not (tmp_path / "run.jsonl").exists()
    for path, message in [(3, "`path` must be a path. Got 3 (int)."), (tmp_path, "`path` must be a file.")]:
        with pytest.raises((TypeError, ValueError)) as caught:
            pm.load_recording(path)
        assert str(caught.value).startswith(message)
