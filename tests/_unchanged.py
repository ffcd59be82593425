"""Checks that a call changes no argument, bit for bit, no file, and no state of its process.

``watched`` wraps the public functions and classes of the library. It records all arguments of every call, down to the
last tensor, and compares them when the call ends with a result or an error, or when its context is left. A test of a
mistake therefore need not list what must not be lost.
"""

import dataclasses
import functools
import hashlib
import inspect
from contextlib import AbstractContextManager, contextmanager
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import progress_measures as pm
from docs.public_names import WHERE
from progress_measures import plotting
from tests._traces import assert_same_state, hooks_of, state

MAGIC = ("__init__", "__call__", "__getitem__")


@contextmanager
def watched(monkeypatch):
    """Wraps the public functions, and yields a list that collects the name of each call."""
    calls = []
    with monkeypatch.context() as patch:
        paths = [*WHERE.values(), *(f"plotting.{name}" for name in plotting.__all__)]
        for house, name in map(_place, paths):
            public = getattr(house, name)
            if not inspect.isclass(public):
                patch.setattr(house, name, _watching(public, name, calls))
            else:
                for method, function in _methods(public):
                    patch.setattr(public, method, _watching(function, f"{name}.{method}", calls))
        yield calls


def assert_met_with(mistake, error, message, folder, monkeypatch, *values):
    """A mistake raises an error with this whole message, changes and loses nothing, and leaves no file."""
    monkeypatch.chdir(folder)
    with same_files(folder), unchanged(*values), watched(monkeypatch) as calls, pytest.raises(error) as caught:
        mistake()
    assert calls, "no public function was called"
    assert caught.type is error
    # A KeyError shows its message in quotes.
    assert str(caught.value) == (repr(message) if error is KeyError else message)


@contextmanager
def unchanged(*values):
    """Checks that values stay the same, bit for bit, whatever is raised."""
    before = contents(values)
    try:
        yield
    finally:
        assert contents(values) == before, "an argument was changed"


@contextmanager
def same_files(folder):
    """Checks that a folder keeps the same files with the same bytes, whatever is raised."""
    before = files(folder)
    try:
        yield
    finally:
        after = files(folder)
        assert after.keys() == before.keys(), "a file is lost, or one was left"
        assert after == before, "a file was changed"


def files(folder):
    """By path: the bytes and the mode of everything in a folder, and the targets of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, inside)
    return found


def contents(value, seen=None):
    """Everything that a value refers to; if the contents are equal, nothing has changed."""
    seen = {} if seen is None else seen
    if isinstance(value, int | float | complex | str | bytes | type(None) | type):
        return repr(value)
    if id(value) in seen:
        return ("as before", seen[id(value)][0])
    seen[id(value)] = (len(seen), value)  # which is kept, so that its id stays its own
    inner = functools.partial(contents, seen=seen)
    if isinstance(value, Tensor):
        return _of_tensor(value, inner)
    if isinstance(value, np.ndarray):
        return ("array", id(value), str(value.dtype), value.shape, value.strides, _digest(value), value.flags.writeable)
    if isinstance(value, nn.Module):
        return _of_module(value, inner)
    if isinstance(value, dict | MappingProxyType):  # a mapping of the library's is what is inside of it
        return (type(value), id(value), [(inner(key), inner(each)) for key, each in value.items()])
    if isinstance(value, tuple):
        return (type(value), [inner(each) for each in value])
    if isinstance(value, list | set | frozenset):
        return (type(value), id(value), [inner(each) for each in value])
    if dataclasses.is_dataclass(value):
        return (
            type(value),
            id(value),
            [inner(getattr(value, field.name, None)) for field in dataclasses.fields(value)],
        )
    if inspect.isfunction(value):  # what it closes over is the user's too
        inside = inspect.getclosurevars(inspect.unwrap(value)).nonlocals  # unwrapped: what watches it counts its calls
        return (value.__qualname__, id(value), [inner(each) for each in inside.values()])
    return (
        type(value),
        id(value),
        [inner(each) for each in vars(value).values()] if hasattr(value, "__dict__") else [],
    )


def _of_tensor(x, inner):
    # The version counts what was done in place, were it undone or not; tensors of inference mode have none.
    version = None if x.is_inference() else x._version
    form = (x.dtype, tuple(x.shape), x.stride() if x.layout == torch.strided else None, x.device, x.requires_grad)
    bits = None
    if not (x.is_nested or x.is_meta or x.numel() == 0):
        dense = x.detach() if x.layout == torch.strided else x.detach().to_dense()
        bits = _digest(dense.cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return ("tensor", id(x), version, form, bits, inner(x.grad) if x.is_leaf else None)


def _of_module(module, inner):
    tensors = [*module.named_parameters(), *module.named_buffers()]
    parts = [(path, each.training, hooks_of(each), sorted(vars(each))) for path, each in module.named_modules()]
    return ("module", id(module), parts, [(name, inner(x)) for name, x in tensors])


def _digest(x):
    if x.dtype == object:
        return repr(x)
    return hashlib.blake2b(np.ascontiguousarray(x).tobytes()).hexdigest()


def _place(path):
    """The module that has a public name, and the name."""
    *rooms, name = path.split(".")
    return functools.reduce(getattr, rooms, pm), name


def _methods(public):
    """The public methods that a class has itself, and those that are called by making, calling and indexing it."""
    for name, function in [*vars(public).items()]:
        if inspect.isfunction(function) and (name in MAGIC or not name.startswith("_")):
            yield name, function


def _watching(function, name, calls):
    @functools.wraps(function)
    def call(*args, **kwargs):
        calls.append(name)
        given = args[1:] if name.endswith(".__init__") else args  # an object in the making has nothing to lose
        compare = functools.partial(_compare, name, (given, kwargs), contents((given, kwargs)), state())
        try:
            result = function(*args, **kwargs)
        except BaseException:
            compare()
            raise
        if isinstance(result, AbstractContextManager) and not isinstance(result, Tensor):
            return _Watched(result, compare)
        compare()
        return _watching(result, f"{name}()", calls) if inspect.isfunction(result) else result

    return call


def _compare(name, given, contents_before, state_before):
    assert contents(given) == contents_before, f"{name} changed an argument"
    assert_same_state(state(), state_before)


class _Watched(AbstractContextManager):
    """A context whose arguments are compared when it cannot be entered, or has been left."""

    def __init__(self, context, compare):
        self._context, self._compare = context, compare

    def __enter__(self):
        try:
            return self._context.__enter__()
        except BaseException:
            self._compare()
            raise

    def __exit__(self, *error):
        try:
            return self._context.__exit__(*error)
        finally:
            self._compare()
