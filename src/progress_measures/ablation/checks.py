"""Checks of models, of paths in them, and of replacements."""

import difflib
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.values import check_model, nearest_name, shape_of, type_name


def check_hookable(value: object, name: str = "model") -> nn.Module:
    """A module whose hooks fire on the whole batch: compiled code may leave them out, and replicas see pieces."""
    module = check_model(value, name)
    for each in module.modules():
        if hasattr(each, "_orig_mod") or getattr(each, "_compiled_call_impl", None) is not None:
            raise TypeError(
                f"`{name}` must not be compiled, because compiled code may leave out hooks. "
                "Got a compiled module. Pass the module as it was before torch.compile."
            )
        if isinstance(each, nn.DataParallel) and len(each.device_ids) > 1:
            raise ValueError(
                f"`{name}` must run on one device at a time, because hooks would see the pieces of a batch in no "
                f"order. Got DataParallel on {len(each.device_ids)}. Pass its .module."
            )
    return module


def check_submodule(parent: nn.Module, path: object) -> nn.Module:
    """The submodule at a dotted path; a wrong path is answered with the nearest name."""
    if not isinstance(path, str):
        raise TypeError(f"`path` must be a string. Got {path!r} ({type_name(path)}).")
    modules = dict(parent.named_modules(remove_duplicate=False))
    if path not in modules:
        hint = (
            f" Did you mean {nearest_name(path, [*modules][1:])!r}?"
            if len(modules) > 1
            else " The model has no submodules."
        )
        raise ValueError(f"`path` must name a submodule of the model. Got {path!r}.{hint}")
    for above in ["", *accumulate(path.split("."), "{}.{}".format)]:
        if isinstance(modules[above], torch.jit.ScriptModule):
            raise TypeError(
                "`path` must not lead to a scripted or traced module, because its code leaves out hooks. "
                f"Got {path!r}, where {above!r} is one. Pass the module as it was before torch.jit."
            )
    found: nn.Module = modules[path]
    return found


def check_paths(path: object, key: Any) -> list[Any]:
    """One key, a path or a site, or several, as a list without repetition."""
    if isinstance(path, key):
        return [path]
    if not isinstance(path, Iterable):
        raise TypeError(f"`path` must be a string or several. Got {path!r} ({type_name(path)}).")
    several = list(path)
    if not several:
        raise ValueError("`path` must name at least one submodule. Got none.")
    for each in several:
        if not isinstance(each, key):
            raise TypeError(f"`path` must be a string or several. Got {each!r} ({type_name(each)}) among them.")
    return list(dict.fromkeys(several))


def check_captured_path(path: object, known: Mapping[Any, Any]) -> None:
    """A key, a path or a site, that was captured; a wrong one is answered with the nearest."""
    if path not in known:
        (near,) = difflib.get_close_matches(repr(path), [repr(key) for key in known], n=1, cutoff=0.0)
        raise KeyError(f"`path` must be one that was captured. Got {path!r}. Did you mean {near}?")


def check_replacements(path: object, replacement_: object, key: Any) -> dict[Any, Any]:
    """Replacements by key, a path or a site, from one and its replacement or from a mapping."""
    if isinstance(path, Mapping):
        if replacement_ is not None:
            raise TypeError("`replacement` must be left out when `path` is a mapping. Got both.")
        if not path:
            raise ValueError("`path` must name at least one submodule. Got an empty mapping.")
        several = dict(path)
    elif isinstance(path, key):
        several = {path: replacement_}
    else:
        raise TypeError(f"`path` must be a string, or a mapping from paths to replacements. Got {type_name(path)}.")
    for each in several.values():
        check_replacement(each)
    return several


def check_replacement(value: object) -> None:
    """Something to call with an activation."""
    if not callable(value):
        raise TypeError(f"`replacement` must be a function of the activation. Got {type_name(value)}.")


def check_joinable(calls: list[Tensor], key: object) -> None:
    """Activations of several calls that can be joined along the first axis."""
    rows = {x.shape[1:] if x.ndim > 0 else None for x in calls}
    if len(calls) > 1 and (len(rows) > 1 or None in rows):
        shapes = ", ".join(dict.fromkeys(shape_of(x) for x in calls))
        raise ValueError(
            f"{key!r} must have the same shape in every call but for the first axis. Got {shapes}. "
            "Capture one call at a time."
        )


def check_distinct(modules: Mapping[str, nn.Module]) -> None:
    """Paths that lead to different modules."""
    paths_: dict[int, str] = {}
    for path, module in modules.items():
        other = paths_.setdefault(id(module), path)
        if other != path:
            raise ValueError(
                f"`path` must lead to a module once. Got {other!r} and {path!r}, which are the same module, "
                "and a hook sees its calls by either path."
            )


def check_replaced(replacement: object, original: Tensor, what: str) -> Tensor:
    """What a replacement made of ``what``, an activation, in the activation's dtype and on its device."""
    if not isinstance(replacement, Tensor):
        raise TypeError(f"The replacement for {what} must return a tensor. Got {type_name(replacement)}.")
    if replacement.shape != original.shape:
        raise ValueError(
            f"The replacement for {what} must keep the activation's shape {shape_of(original)}. "
            f"Got {shape_of(replacement)}."
        )
    # A copy, because what comes next may work in place, and the tensor may be the user's own.
    return replacement.to(original, copy=True)


def check_called(calls: dict[str, int]) -> None:
    """Every hooked submodule was called at least once."""
    silent = [path for path, count in calls.items() if count == 0]
    if silent:
        raise RuntimeError(
            f"The submodule {silent[0]!r} must be called inside the context. It was not. "
            "Run the model there, not compiled, and name a submodule that its forward pass calls."
        )
