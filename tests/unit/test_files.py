import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures import _blocks
from progress_measures.operations.checks import check_logits
from tests._asserts import assert_close
from tests._planted import learned_logits, random_logits, random_mask

DESCRIPTORS, PAGES = Path("/proc/self/fd"), Path("/proc/self/smaps")
OP, TRAIN = pm.addition(7), random_mask(7)


def table_of(logits):
    """A ``predict`` that looks the logits up."""
    return lambda pairs: logits[pairs[:, 0], pairs[:, 1]]


def everything(logits):
    return [
        *vars(pm.measure(logits, OP, [2], train_mask=TRAIN)).values(),
        pm.accuracy(logits, OP),
        pm.excluded_loss(logits, OP, [1, 3], terms="product"),
        pm.excluded_loss_per_frequency(logits, OP),
        pm.logit_spectrum(logits, OP),
        pm.cosine_coefficients(logits, OP),
        pm.restrict(logits, OP, [1]),
        pm.neuron_spectrum(logits, OP),
    ]


@pytest.fixture(params=[2**20, 60, 1])
def block(request, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("batch_size", [None, 5, 49])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_logits_in_a_file_are_the_logits(tmp_path, dtype, batch_size):
    logits = learned_logits(OP, (2,)).to(dtype)
    found = pm.grid_logits(table_of(logits), OP, batch_size, out=tmp_path / "logits.npy")
    assert found.dtype == dtype
    assert torch.equal(found, logits)
    assert [file.name for file in tmp_path.iterdir()] == ["logits.npy"]
    for read in (found, found.flatten(0, 1)):
        for actual, expected in zip(everything(read), everything(logits), strict=True):
            assert torch.equal(actual, expected)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_memory_map_of_the_file_is_read_as_the_tensor_is(tmp_path, mode):
    logits = learned_logits(OP, (2,))
    pm.grid_logits(table_of(logits), OP, out=tmp_path / "logits.npy")
    array = np.load(tmp_path / "logits.npy", mmap_mode=mode)
    for actual, expected in zip(everything(array), everything(logits), strict=True):
        assert torch.equal(actual, expected)
    turned = array.transpose(1, 0, 2)  # a view that is not contiguous
    assert_close(pm.cross_entropy(turned, OP), pm.cross_entropy(logits.transpose(0, 1), OP), rtol=1e-12)
    assert torch.equal(pm.spectrum(array[2], OP), pm.spectrum(logits[2], OP))


@pytest.mark.usefixtures("block")
def test_what_is_written_to_a_map_is_what_is_measured(tmp_path):
    zeros = torch.zeros(7, 7, 7)
    found = pm.grid_logits(table_of(zeros), OP, out=tmp_path / "logits.npy")
    logits = random_logits(7).float()
    found[:] = logits
    assert torch.equal(pm.cross_entropy(found, OP), pm.cross_entropy(logits, OP))
    assert np.array_equal(np.load(tmp_path / "logits.npy"), logits.numpy())


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_memory_map_is_not_copied(tmp_path, mode):
    pm.grid_logits(table_of(random_logits(7)), OP, out=tmp_path / "logits.npy")
    array = np.load(tmp_path / "logits.npy", mmap_mode=mode)
    assert check_logits(array, OP).data_ptr() == array.ctypes.data


def test_what_is_written_to_a_private_map_is_measured_too(tmp_path):
    op, logits = pm.addition(19), random_logits(19)
    pm.grid_logits(table_of(logits), op, out=tmp_path / "logits.npy")
    private = np.load(tmp_path / "logits.npy", mmap_mode="c")
    private[9], logits[9] = 5, 5  # far from both ends
    assert torch.equal(pm.cross_entropy(private, op), pm.cross_entropy(logits, op))
    assert not np.array_equal(np.load(tmp_path / "logits.npy"), private)


def test_gradients_reach_a_tensor_that_lives_in_a_file(tmp_path):
    logits = random_logits(7)
    found = pm.grid_logits(table_of(logits), OP, out=tmp_path / "logits.npy").requires_grad_()
    (gradient,) = torch.autograd.grad(pm.measure(found, OP, [2], train_mask=TRAIN).excluded_loss, found)
    (expected,) = torch.autograd.grad(
        pm.measure(logits.requires_grad_(), OP, [2], train_mask=TRAIN).excluded_loss, logits
    )
    assert torch.equal(gradient, expected)


def test_a_tensor_keeps_its_file_when_another_takes_the_name(tmp_path):
    first, second = random_logits(7), random_logits(7, seed=1)
    path = tmp_path / "logits.npy"
    kept = pm.grid_logits(table_of(first), OP, out=path)
    array = np.load(path, mmap_mode="r")
    replaced = pm.grid_logits(table_of(second), OP, out=path)
    for logits, expected in ((kept, first), (array, first), (replaced, second)):
        assert torch.equal(pm.cross_entropy(logits, OP), pm.cross_entropy(expected, OP))
    path.unlink()
    assert torch.equal(pm.cross_entropy(array, OP), pm.cross_entropy(first, OP))
    assert torch.equal(pm.cross_entropy(kept, OP), pm.cross_entropy(first, OP))


@pytest.mark.skipif(not PAGES.exists(), reason="the system does not tell which file is mapped")
def test_a_map_is_not_taken_for_another_file_of_the_same_name(tmp_path):
    op, first = pm.addition(31), random_logits(31)
    second = first.clone()
    second[10:20] *= 3  # far from both ends, where the two are alike
    pm.grid_logits(table_of(first), op, out=tmp_path / "logits.npy")
    array = np.load(tmp_path / "logits.npy", mmap_mode="r")
    pm.grid_logits(table_of(second), op, out=tmp_path / "logits.npy")
    assert torch.equal(pm.cross_entropy(array, op), pm.cross_entropy(first, op))


def test_a_part_of_a_map_is_read_from_its_place(tmp_path):
    op, logits = pm.addition(31), random_logits(31)
    pm.grid_logits(table_of(logits), op, out=tmp_path / "logits.npy")
    array = np.load(tmp_path / "logits.npy", mmap_mode="r")
    assert torch.equal(pm.cross_entropy(array.reshape(31 * 31, 31), op), pm.cross_entropy(logits, op))
    assert torch.equal(pm.neuron_spectrum(array[:, :, 3:4], op), pm.neuron_spectrum(logits[:, :, 3:4], op))
    small = pm.addition(5)
    part = array[2, 3:8, :25].reshape(25, 5)  # of a row that does not stand at the beginning
    assert torch.equal(pm.spectrum(part, small, dim=1), pm.spectrum(logits[2, 3:8, :25].reshape(25, 5), small, dim=1))
    assert torch.equal(
        pm.spectrum(array.reshape(-1)[900:1000].reshape(4, 25), pm.addition(4)),
        pm.spectrum(logits.flatten()[900:1000].view(4, 25), pm.addition(4)),
    )


def test_a_file_that_became_shorter_is_an_error(tmp_path):
    logits = pm.grid_logits(table_of(random_logits(7)), OP, out=tmp_path / "logits.npy")
    os.truncate(tmp_path / "logits.npy", 1000)
    with pytest.raises(OSError, match=r"^The file that a tensor lives in has become shorter\.$"):
        pm.cross_entropy(logits, OP)


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="open files cannot be counted here")
def test_files_are_closed_with_the_last_view(tmp_path):
    def open_files():
        gc.collect()
        return sum("logits.npy" in str(each.readlink()) for each in DESCRIPTORS.iterdir() if each.exists())

    view = pm.grid_logits(table_of(random_logits(7)), OP, out=tmp_path / "logits.npy")[2].flatten()
    assert open_files() > 0
    assert view.sum() != 0
    del view
    assert open_files() == 0


def test_bfloat16_becomes_float32_in_a_file(tmp_path):
    logits = random_logits(7).to(torch.bfloat16)
    found = pm.grid_logits(table_of(logits), OP, out=tmp_path / "logits.npy")
    assert found.dtype == torch.float32
    assert torch.equal(found, logits.float())


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()])
def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, error):
    path = tmp_path / "logits.npy"
    path.write_text("before")
    calls = []

    def predict(pairs):
        calls.append(pairs)
        if len(calls) == 3:
            raise error
        return torch.zeros(len(pairs), 7)

    with pytest.raises(type(error)):
        pm.grid_logits(predict, OP, batch_size=10, out=path)
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["logits.npy"]


def test_logits_of_two_dtypes_are_refused_by_a_file(tmp_path):
    def predict(pairs):
        return torch.zeros(len(pairs), 7, dtype=torch.float32 if pairs[0, 0] < 3 else torch.float64)

    with pytest.raises(TypeError, match=r"^`out` must be given logits of one dtype\. Got float64 after float32\.$"):
        pm.grid_logits(predict, OP, 7, out=tmp_path / "logits.npy")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_refused_before_anything_is_computed(tmp_path):
    message = f"`out` must be a file. Got {str(tmp_path)!r}, which is a folder."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.grid_logits(pytest.fail, OP, out=tmp_path)


WRITERS = {
    "out": lambda path: pm.grid_logits(table_of(learned_logits(OP, (2,))), OP, out=path),
    "save": pm.Trajectory([0], {"x": [1.0]}).save,
    "to_csv": pm.Trajectory([0], {"x": [1.0]}).to_csv,
}
each_writer = pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)


@each_writer
def test_what_is_no_file_is_not_replaced_by_one(tmp_path, write):
    """A pipe here; as root it might be /dev/null."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    message = f"[Errno 22] Not a regular file, which alone can be replaced: {str(path)!r}"
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        write(path)
    assert path.is_fifo()
    assert [*tmp_path.iterdir()] == [path]


@each_writer
def test_a_write_protected_file_is_not_replaced(tmp_path, write):
    path = tmp_path / "kept"
    path.write_text("before")
    path.chmod(0o444)
    link = tmp_path / "link"
    link.symlink_to(path)
    for name in (path, link):
        message = f"[Errno 13] Permission denied: {str(name)!r}"
        with pytest.raises(PermissionError, match=f"^{re.escape(message)}$"):
            write(name)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("before", 0o444)
    assert sorted(tmp_path.iterdir()) == [path, link]


@each_writer
def test_a_loop_of_links_is_an_error_that_names_it(tmp_path, write):
    path = tmp_path / "loop"
    path.symlink_to(path)
    message = f"[Errno 40] Too many levels of symbolic links: {str(path)!r}"
    with pytest.raises(OSError, match=f"^{re.escape(message)}$"):
        write(path)
    assert path.is_symlink()


@each_writer
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, write):
    path, other = tmp_path / "secret", tmp_path / "plain"
    path.touch(mode=0o600)
    write(path)
    write(other)
    path_of_link = tmp_path / "link"
    path_of_link.symlink_to(path)
    write(path_of_link)
    assert path.stat().st_mode & 0o777 == 0o600
    assert other.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_progress_must_leave_nothing_out(tmp_path, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 100)
    path, logits = tmp_path / "logits.npy", learned_logits(OP, (2,))
    path.write_text("before")
    for call, items in (
        (lambda progress: pm.grid_logits(table_of(logits), OP, 10, out=path, progress=progress), 5),
        (lambda progress: pm.grid_logits(table_of(logits), OP, 10, progress=progress), 5),
        (lambda progress: pm.measure(logits, OP, [2], train_mask=TRAIN, progress=progress), 4),
    ):
        message = f"`progress` must pass on each of the {items} items that it wraps. It passed on 2."
        with pytest.raises(RuntimeError, match=f"^{re.escape(message)}$"):
            call(lambda batches: batches[:2])
    assert path.read_text() == "before"


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    path = tmp_path / "logits.npy"
    path.write_text("before")
    code = (
        "import resource, signal, sys, torch, progress_measures as pm\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "pm.grid_logits(lambda pairs: torch.zeros(len(pairs), 20), pm.addition(20), 30, out=sys.argv[1])"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "OSError: [Errno 27] File too large" in done.stderr
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["logits.npy"]


def test_progress_is_told_of_every_batch_and_block(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 100)
    seen = []

    def progress(blocks):
        seen.append((len(blocks), 0))
        for block in blocks:
            yield block
            seen[-1] = (seen[-1][0], seen[-1][1] + 1)

    logits = learned_logits(OP, (2,))
    assert torch.equal(pm.grid_logits(table_of(logits), OP, 10, progress=progress), logits)
    measures = pm.measure(logits, OP, [2], train_mask=TRAIN, progress=progress)
    assert seen == [(5, 5), (4, 4)]
    assert measures.as_dict() == pm.measure(logits, OP, [2], train_mask=TRAIN).as_dict()


@pytest.mark.skipif(not PAGES.exists(), reason="resident pages cannot be counted here")
def test_reading_leaves_no_pages_of_the_map_resident(tmp_path):
    op = pm.addition(101)
    logits = pm.grid_logits(lambda pairs: torch.randn(len(pairs), 101), op, out=tmp_path / "logits.npy")

    def resident():
        lines = PAGES.read_text().split("logits.npy")[1].splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Rss:"))

    before = resident()
    pm.measure(logits, op, [3], train_mask=random_mask(101))
    pm.logit_spectrum(logits, op)
    pm.neuron_spectrum(logits, op)
    pm.cosine_coefficients(logits, op)
    pm.excluded_loss(np.load(tmp_path / "logits.npy", mmap_mode="r").reshape(101 * 101, 101), op, [3])
    assert resident() <= before + 128
    logits.sum()
    assert resident() > 3500
