"""Recordings that were changed at random: read as they were, or without a line that was cut off, or refused."""

import random
import re
import warnings

import pytest

import progress_measures as pm
from tests._asserts import assert_same

MUTATIONS = 2000
STEPS = 8
REMEDY = (
    "load_recording(path, damaged='skip') reads the other lines; with copy=another path, it also writes them to a "
    "recording that a run can go on with."
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.jsonl"


def measured(x):
    return {"x": x / 7, "v": [x, -x]} if x != 5 else 1 / 0


@pytest.fixture
def recording(path):
    """A run that went back once and failed once, and its bytes."""
    recorder = pm.Recorder(measured, every=1, path=path, errors="record")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for step in [0, 1, 2, 3, 2, 3, 4, 5, 6, 7]:
            recorder(step, float(step))
    return path.read_bytes()


def mutate(data, rng):
    """The name of a random change, and what it makes of the data."""
    place, lines = rng.randrange(len(data)), data.splitlines(keepends=True)
    line = rng.randrange(len(lines))
    other, rest = rng.randrange(len(lines)), lines[:line] + lines[line + 1 :]
    kinds = {
        "a bit": lambda: data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :],
        "a byte": lambda: data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :],
        "a digit": lambda: re.sub(rb"\d", lambda _: b"%d" % rng.randrange(10), data, count=rng.randrange(1, 40)),
        "a byte put in": lambda: data[:place] + bytes([rng.randrange(256)]) + data[place:],
        "a byte taken out": lambda: data[:place] + data[place + 1 :],
        "some taken out": lambda: data[:place] + data[place + rng.randrange(2, 40) :],
        "zeros": lambda: data[:place] + bytes(len(data[place : place + 16])) + data[place + 16 :],
        "cut off": lambda: data[:place],
        "a line taken out": lambda: b"".join(rest),
        "a line twice": lambda: b"".join(lines[: line + 1] + lines[line:]),
        "a line elsewhere": lambda: b"".join([*rest[:other], lines[line], *rest[other:]]),
        "an end of line put in": lambda: data[:place] + b"\n" + data[place:],
        "half a line": lambda: b"".join([*lines[:line], lines[line][: len(lines[line]) // 2], *lines[line + 1 :]]),
    }  # fmt: skip
    kind = rng.choice(sorted(kinds))
    return kind, kinds[kind]()


def read_or_none(path):
    """The trajectory in a file, or None if it is refused."""
    try:
        return pm.load_recording(path)
    except ValueError as error:
        if not str(error).startswith("`path` must "):
            raise
        return None


def before_the_last(data, changed):
    """Whether the change can be told from a file whose last line, or lines, had never been written."""
    return data.startswith(changed)


def test_no_change_of_a_recording_is_read_as_another_run(path, recording):
    whole, rng, found = pm.load_recording(path), random.Random(0), dict.fromkeys(["same", "refused", "shorter"], 0)
    for _ in range(MUTATIONS):
        kind, changed = mutate(recording, rng)
        path.write_bytes(changed)
        read = read_or_none(path)
        if read is None:
            found["refused"] += 1
            continue
        if read.steps.tolist() == whole.steps.tolist() and changed.rstrip(b"\0\r\n") != recording[: len(changed) - 1]:
            assert_same(read, whole)
            found["same"] += 1
        else:
            assert before_the_last(recording, changed.rstrip(b"\0")), (kind, changed)
            found["shorter"] += 1
    assert min(found.values()) > 0, found
    assert found["refused"] > 0.7 * MUTATIONS, found


def test_what_is_whole_can_be_read_without_what_is_damaged(path, recording):
    lines = recording.splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], lines[1].replace(b"0.142", b"0.143"), *lines[2:]]))
    message = (
        f"`path` must be a file that a Recorder or track wrote. Got {str(path)!r}, whose line 2 was changed: its check "
        f"does not fit. {REMEDY}"
    )
    for read in (pm.load_recording, lambda path: pm.Recorder({"x": float}, path=path)):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            read(path)
    with pytest.warns(
        RuntimeWarning, match=f"^{re.escape(repr(str(path)))} was read without 1 damaged place: line 2.$"
    ):
        read = pm.load_recording(path, damaged="skip")
    assert read.steps.tolist() == [0, 2, 3, 4, 5, 6, 7]


def test_lines_that_are_not_there_are_noticed(path, recording):
    lines = recording.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2] + lines[4:]))
    message = (
        f"`path` must be a file that a Recorder or track wrote. Got {str(path)!r}, whose line 3 does not follow the "
        f"line before it: a line was taken out or put in. {REMEDY}"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.load_recording(path)
    with pytest.warns(RuntimeWarning, match="was read without 1 damaged place: what was before line 3"):
        assert pm.load_recording(path, damaged="skip").steps.tolist() == [0, 1, 2, 3, 4, 5, 6, 7]


def good(x):
    return {"x": x / 7, "v": [x, -x]}


good.about = {"what": "sevenths"}
WARNED = "^'.*' was read without 1 damaged place: line {}.$"


@pytest.mark.parametrize(
    ("line", "old", "new", "found"),
    [
        (2, b'"x": 0.0', b'"x": 0.1', "whose line 2 was changed: its check does not fit."),
        (3, b'"columns"', b'"colums"', "whose line 3 is none of theirs: "),
        (3, b"{", b"\0", "whose line 3 is none of theirs: "),
        (4, b', "check": "', b', "chek": "', "whose line 4 "),
    ],
)
def test_a_run_goes_on_with_a_copy_of_what_is_whole(path, line, old, new, found):
    recorder = pm.Recorder(good, every=1, path=path)
    for step in range(5):
        recorder(step, float(step))
    whole = path.read_bytes().splitlines(keepends=True)
    damaged = [*whole[: line - 1], whole[line - 1].replace(old, new, 1), *whole[line:]]
    path.write_bytes(b"".join(damaged))
    copy = path.with_name("copy.jsonl")
    for name, go_on in [
        ("path", lambda path: pm.Recorder(good, every=1, path=path)(5, 5.0)),
        ("resume", lambda path: pm.track([(5, 5.0)], good, resume=path)),
    ]:
        with pytest.raises(ValueError, match=f"^`{name}` must be a file that a Recorder or track wrote") as caught:
            go_on(path)
        assert found in str(caught.value)
        assert str(caught.value).endswith(f" {REMEDY}")
        with pytest.warns(RuntimeWarning, match=WARNED.format(line)):
            read = pm.load_recording(path, damaged="skip", copy=copy)
        assert read.steps.tolist() == [step for step in range(5) if step != line - 2]
        assert_same(pm.load_recording(copy), read)
        other = copy_of(good, {"what": "eighths"})
        with pytest.raises(ValueError, match="must be a recording of the same measures"):
            pm.Recorder(other, path=copy)
        go_on(copy)
        assert_same(pm.load_recording(copy), pm.track([(int(s), float(s)) for s in [*read.steps, 5]], good))
        copy.unlink()
    assert path.read_bytes() == b"".join(damaged)


def copy_of(measure, about):
    def other(x):
        return measure(x)

    other.about = about
    return other


def test_a_copy_of_which_it_is_not_known_what_was_measured_is_warned_of(path):
    recorder = pm.Recorder(good, every=1, path=path)
    for step in range(3):
        recorder(step, float(step))
    lines = path.read_bytes().splitlines(keepends=True)
    for data, place in [
        (b"".join(lines).replace(b"sevenths", b"eighths"), "line 1"),
        (b"".join(lines[1:]), "what was before line 1"),
    ]:
        path.write_bytes(data)
        message = f"^'.*' was read without 1 damaged place: {place}, which may have described the measures.$"
        with pytest.warns(RuntimeWarning, match=message):
            assert len(pm.load_recording(path, damaged="skip")) == 3


def test_a_copy_is_a_new_file(path, recording):
    whole = pm.load_recording(path)
    pm.load_recording(path, copy=path.with_name("copy"))
    assert_same(pm.load_recording(path.with_name("copy")), whole)
    for copy in (path, path.with_name("copy")):
        with pytest.raises(
            ValueError, match=f"^`copy` must be a new file. Got {re.escape(repr(str(copy)))}, which exists.$"
        ):
            pm.load_recording(path, copy=copy)
    with pytest.raises(TypeError, match=r"^`copy` must be a path. Got 3 \(int\).$"):
        pm.load_recording(path, copy=3)
    with pytest.raises(FileNotFoundError):
        pm.load_recording(path, copy=path.with_name("no") / "copy")
    assert path.read_bytes() == recording


@pytest.mark.parametrize("end", [b"", b"\0" * 20, b"\r\n"])
def test_a_last_line_without_its_end_is_whole(path, recording, end):
    whole = pm.load_recording(path)
    path.write_bytes(recording.removesuffix(b"\n") + end)
    assert_same(pm.load_recording(path), whole)
    pm.Recorder(lambda x: {"x": x / 7, "v": [x, -x]}, every=1, path=path)(8, 8.0)
    assert pm.load_recording(path).steps.tolist() == [*range(9)]
