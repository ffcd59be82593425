"""A model's state while it is measured: its device, its modes, and everything that is restored afterwards."""

import inspect
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from progress_measures._random_states import random_states_kept

Mode = tuple[nn.Module, bool]
KNOWN = {"torch", "transformers"}
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def token_device(predict: object) -> torch.device:
    """The device for the tokens of ``predict``: if it is a module, the device of its first parameter, else the CPU.

    Parameters on the meta device belong to an offloaded model, which moves its tokens itself.
    """
    parameter = next(predict.parameters(), None) if isinstance(predict, nn.Module) else None
    offloaded = type(parameter) is nn.Parameter and parameter.is_meta
    return torch.device("cpu") if parameter is None or offloaded else parameter.device


@contextmanager
def evaluation(predict: object) -> Iterator[None]:
    """Puts ``predict``, if it is a module, into evaluation mode, and restores the mode of each submodule afterwards.

    If a module in training mode overrides ``train`` or ``eval``, these are called. If ``eval`` changes parameters, for
    example to merge them, they are restored bit for bit.
    """
    modes = [(module, module.training) for module in predict.modules()] if isinstance(predict, nn.Module) else []
    own = [parameter for module, mode in modes if mode and _may_merge(module) for parameter in module.parameters()]
    kept = _copies(own)
    required = [(parameter, parameter.requires_grad) for parameter in own]
    try:
        _set_modes([(module, False) for module, _ in modes])
        # Only what `eval` has changed is kept. It is written back even where `train` undoes it: a graph that was made
        # in between saved the tensor, and PyTorch refuses its gradients if it was written to.
        kept = [(parameter, copy) for parameter, copy in kept if not _same_bits(parameter, copy)]
        yield
    finally:
        try:
            _set_modes(modes)
        finally:
            for parameter, copy in kept:
                _write(parameter, copy)
            for parameter, requires_grad in required:
                parameter.requires_grad = requires_grad


@contextmanager
def at_rest(model: object) -> Iterator[None]:
    """Turns evaluation mode on and gradients off; afterwards restores the model's state and this thread's grad mode.

    The state is the mode of each submodule, and everything that a forward pass may change even in evaluation mode:
    buffers and each submodule's attributes, including the contents of generators, lists, dictionaries and sets.
    """
    undo, tensors = _own(model)
    try:
        with evaluation(model), torch.no_grad():
            yield
    finally:
        for restore in undo:
            restore()
        for tensor, copy in tensors:
            if not _same_bits(tensor, copy):
                _write(tensor, copy)


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Turns evaluation mode on and gradients off; afterwards restores the model's and every global random state.

    The random states are those of Python, NumPy, and PyTorch on the CPU and on every CUDA device in use. All threads of
    the process share them: if another thread may draw random numbers, use :func:`at_rest` instead.
    """
    with random_states_kept(), at_rest(model):
        yield


@contextmanager
def with_values(parameters: Iterable[Tensor], values: Iterable[Tensor]) -> Iterator[None]:
    """Gives parameters other numbers, and afterwards gives back the original tensors, which graphs may have saved."""
    own = [(parameter, parameter.data) for parameter in parameters]
    try:
        for (parameter, _), other in zip(own, values, strict=True):
            parameter.data = other
        yield
    finally:
        for parameter, kept in own:
            parameter.data = kept


# ---------------------------------------------------------------------------------------------------------------------
# Modes


def _set_modes(modes: Iterable[Mode]) -> None:
    """Sets the mode of each module, outer modules first, through ``train`` or ``eval`` if the module overrides them."""
    modes = [*modes]
    try:
        for module, mode in modes:
            if module.training != mode and _switches(module):
                with suppress(NotImplementedError):  # raised by exported programs, which have only one mode
                    module.train(mode) if mode else module.eval()
    finally:
        for module, mode in modes:
            module.training = mode


def _switches(module: nn.Module) -> bool:
    """Whether a module overrides ``train`` or ``eval`` to set the mode, and not with a training loop of that name."""
    own_train = getattr(module.train, "__func__", None) is not nn.Module.train
    own_eval = getattr(module.eval, "__func__", None) is not nn.Module.eval
    if not (own_train or own_eval):
        return False
    return (not own_train or _takes_mode(module.train)) and (not own_eval or not _needed(module.eval))


def _may_merge(module: nn.Module) -> bool:
    """Whether a module's own switch may change weights. In known libraries it does not, so nothing is copied then."""
    homes = {getattr(switch, "__module__", "").partition(".")[0] for switch in (module.train, module.eval)}
    return _switches(module) and not homes <= KNOWN


def _takes_mode(train: Callable[..., Any]) -> bool:
    first = next(iter(inspect.signature(train).parameters.values()), None)
    if first is None or not (first.name == "mode" or isinstance(first.default, bool) or first.kind in VARIADIC):
        return False
    return _needed(train) in ([], [first.name])


def _needed(function: Callable[..., Any]) -> list[str]:
    """The arguments that a function cannot be called without."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.default is each.empty and each.kind not in VARIADIC]


# ---------------------------------------------------------------------------------------------------------------------
# What else a model holds

OF_PYTORCH = vars(nn.Module()).keys()  # attributes of every module: its mode, its hooks and so on
BOUND = ("_buffers", "_modules")  # without parameters, which sharded and offloaded models exchange themselves
CONTAINERS = (list, dict, set)
SHARDED = ("FullyShardedDataParallel", "FSDPModule")  # by name, because their import takes half a second
GENERATORS: dict[type, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    torch.Generator: (torch.Generator.get_state, torch.Generator.set_state),
    random.Random: (random.Random.getstate, random.Random.setstate),
    np.random.RandomState: (np.random.RandomState.get_state, np.random.RandomState.set_state),
    np.random.Generator: (
        lambda generator: generator.bit_generator.state,
        lambda generator, state: setattr(generator.bit_generator, "state", state),
    ),
}


def _own(model: object) -> tuple[list[Callable[[], None]], list[tuple[Tensor, Tensor]]]:
    """Functions that restore a model's state except for modes and parameters, and its other tensors with copies.

    The state includes attributes, and the contents of attributes that are lists, tuples, dictionaries or sets, but not
    of other objects.
    """
    undo: list[Callable[[], None]] = []
    tensors: list[Tensor] = []
    modules = [*model.modules()] if isinstance(model, nn.Module) else []
    # FSDP keeps the weights of all modules inside it as their attributes, and exchanges these itself.
    sharded = any(kind.__name__ in SHARDED for module in modules for kind in type(module).__mro__)
    for module in modules:
        tensors += module.buffers(recurse=False)
        if sharded or _sets_itself_up(module):
            continue
        attributes = vars(module)
        undo += [_refill(attributes[name]) for name in BOUND]
        undo.append(_refill(attributes, but=OF_PYTORCH))
        for value in [value for name, value in attributes.items() if name not in OF_PYTORCH]:
            if type(value) in CONTAINERS:
                undo.append(_refill(value))
            for each in value.values() if type(value) is dict else value if type(value) in (list, tuple) else (value,):
                if isinstance(each, Tensor) and not isinstance(each, nn.Parameter):
                    tensors.append(each)
                elif type(each) in GENERATORS:
                    undo.append(_reseed(each))
    return undo, _copies(tensors)


def _sets_itself_up(module: nn.Module) -> bool:
    """Whether a module sets itself up at its first call, which must not be undone in part, or is a scripted module."""
    return isinstance(module, torch.jit.ScriptModule) or any(
        is_lazy(each) for each in (*module.parameters(recurse=False), *module.buffers(recurse=False))
    )


def _refill(container: Any, but: Iterable[str] = ()) -> Callable[[], None]:
    """A function that restores the current objects in a list, dictionary or set, except under some names."""
    if not isinstance(container, dict):
        before = container.copy()
        return lambda: _replace(container, before)
    held = {name: value for name, value in container.items() if name not in but}

    def restore() -> None:
        for name in [name for name in container if name not in held and name not in but]:
            del container[name]
        container.update({name: each for name, each in held.items() if container.get(name, held) is not each})

    return restore


def _replace(container: list[Any] | set[Any], before: list[Any] | set[Any]) -> None:
    if [id(each) for each in container] != [id(each) for each in before]:
        container.clear()
        container.extend(before) if isinstance(container, list) else container.update(before)


def _reseed(generator: Any) -> Callable[[], None]:
    """A function that restores a generator's current state."""
    get, put = GENERATORS[type(generator)]
    state = get(generator)
    return lambda: put(generator, state)


# ---------------------------------------------------------------------------------------------------------------------
# Numbers in tensors


def _copies(tensors: Iterable[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Each tensor once, with a copy; without tensors that are offloaded, sharded or part of a graph."""
    plain = {id(x): x for x in tensors if type(x) in (Tensor, nn.Parameter) and x.layout == torch.strided}
    kept = [x for x in plain.values() if not (x.is_meta or x.is_quantized or x.grad_fn is not None)]
    return [(x, x.detach().clone()) for x in kept]


def _same_bits(x: Tensor, copy: Tensor) -> bool:
    """Whether two tensors have the same shape and bits; so NaN is NaN, and -0.0 is not 0.0."""
    if x.shape != copy.shape:
        return False
    if x.is_complex():
        return _same_bits(torch.view_as_real(x.detach().resolve_conj()), torch.view_as_real(copy.resolve_conj()))
    bits = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[x.element_size()]
    return torch.equal(x.detach().view(bits), copy.view(bits))


def _write(x: Tensor, copy: Tensor) -> None:
    """Gives a tensor the shape and the numbers of its copy, in place."""
    with torch.inference_mode(x.is_inference()), torch.no_grad():
        (x if x.shape == copy.shape else x.resize_(copy.shape)).copy_(copy)
