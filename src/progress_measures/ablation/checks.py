"""Checks of models, of the paths of their submodules, and of replacements."""

import difflib
from collections.abc import Iterable, Mapping
from itertools import accumulate, takewhile
from typing import Any

import torch
from torch import Tensor, nn

from progress_measures._checks.values import check_model, listed, nearest_name, shape_of, type_name
from progress_measures._random_states import torch_states_kept


def check_hookable(value: object, name: str = "model") -> nn.Module:
    """Requires a module whose hooks run and see the whole batch: not compiled, and not replicated over devices."""
    module = check_model(value, name)
    for submodule in module.modules():
        if _is_compiled(submodule):
            raise TypeError(
                f"`{name}` must not be compiled, because compiled code may leave out hooks. "
                "Got a compiled module. Pass the module as it was before torch.compile."
            )
        if isinstance(submodule, nn.DataParallel) and len(submodule.device_ids) > 1:
            raise ValueError(
                f"`{name}` must run on one device at a time, because hooks would see the pieces of a batch in no "
                f"order. Got DataParallel on {len(submodule.device_ids)}. Pass its .module."
            )
    return module


def is_compiled_function(value: object) -> bool:
    """Whether a function, or a method, was made by ``torch.compile``."""
    return hasattr(value, "_torchdynamo_orig_callable")


def _is_compiled(module: nn.Module) -> bool:
    """Whether a module was compiled, or one of its methods that may call its submodules, such as ``forward``."""
    if hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
        return True
    if not any(module.children()):
        return False  # hooks on the module itself run outside its methods
    own_classes = takewhile(lambda kind: kind is not nn.Module, type(module).__mro__)
    methods = [value for kind in own_classes for value in vars(kind).values()]
    assigned = [value for value in vars(module).values() if _is_method_of_module(value)]
    return any(map(is_compiled_function, [*methods, *assigned]))


def _is_method_of_module(value: object) -> bool:
    """Whether a compiled function was made from a method of a module; other functions of tensors call no submodule."""
    original = getattr(value, "_torchdynamo_orig_callable", None)
    return isinstance(getattr(original, "__self__", None), nn.Module)


def check_submodule(parent: nn.Module, path: object) -> nn.Module:
    """The submodule at a dotted path; the error for a wrong path suggests the nearest one."""
    if not isinstance(path, str):
        raise TypeError(f"`path` must be a string. Got {path!r} ({type_name(path)}).")
    modules = dict(parent.named_modules(remove_duplicate=False))
    if path not in modules:
        hint = _hint(path, modules)
        raise ValueError(f"`path` must name a submodule of the model. Got {path!r}.{hint}")
    for prefix in ["", *accumulate(path.split("."), "{}.{}".format)]:
        if isinstance(modules[prefix], torch.jit.ScriptModule):
            raise TypeError(
                "`path` must not lead to a scripted or traced module, because its code leaves out hooks. "
                f"Got {path!r}, where {prefix!r} is one. Pass the module as it was before torch.jit."
            )
    submodule: nn.Module = modules[path]
    return submodule


def _hint(path: str, modules: Mapping[str, nn.Module]) -> str:
    """The nearest path; if only the last part is unlike any other, the parts that the submodule above has."""
    if len(modules) == 1:
        return " The model has no submodules."
    near = nearest_name(path, [*modules][1:])
    above, _, last = path.rpartition(".")
    owner = next((name for name in modules if above and f".{name}".endswith(f".{above}")), None)
    if owner is None or f".{near}".endswith(f".{path}"):
        return f" Did you mean {near!r}?"
    parts = [name for name, _ in modules[owner].named_children()]
    if last.isdigit() or difflib.get_close_matches(last, parts, n=1):
        return f" Did you mean {near!r}?"
    return f" {owner!r} has {listed(parts)}." if parts else f" {owner!r} has no submodules."


def check_called_at_all(model: nn.Module, path: str) -> None:
    """Requires a submodule whose output exists: ``nn.MultiheadAttention`` uses the weights of its out_proj only."""
    parent, _, name = path.rpartition(".")
    attention = model.get_submodule(parent) if name == "out_proj" else None
    if isinstance(attention, nn.MultiheadAttention) and type(attention).forward is nn.MultiheadAttention.forward:
        raise ValueError(
            f"`path` must name a submodule that is called. Got {path!r}, whose weights the attention uses without "
            f"calling it. Pass output_of({parent!r}, 0), which is the same tensor."
        )


def check_paths(path: object, key_type: Any) -> list[Any]:
    """A list of distinct keys, which are paths or sites, from one key or several."""
    if isinstance(path, key_type):
        return [path]
    if not isinstance(path, Iterable):
        raise TypeError(f"`path` must be a string or several. Got {path!r} ({type_name(path)}).")
    keys = list(path)
    if not keys:
        raise ValueError("`path` must name at least one submodule. Got none.")
    for key in keys:
        if not isinstance(key, key_type):
            raise TypeError(f"`path` must be a string or several. Got {key!r} ({type_name(key)}) among them.")
    return list(dict.fromkeys(keys))


def check_captured_path(path: object, captured: Mapping[Any, Any]) -> None:
    """Requires a path or site that was captured; the error suggests the nearest one."""
    if path not in captured:
        (near,) = difflib.get_close_matches(repr(path), [repr(key) for key in captured], n=1, cutoff=0.0)
        raise KeyError(f"`path` must be one that was captured. Got {path!r}. Did you mean {near}?")


def check_replacements(path: object, replacement: object, key_type: Any) -> dict[Any, Any]:
    """A dictionary from paths or sites to replacements, from a mapping or from one key and its replacement."""
    if isinstance(path, Mapping):
        if replacement is not None:
            raise TypeError("`replacement` must be left out when `path` is a mapping. Got both.")
        if not path:
            raise ValueError("`path` must name at least one submodule. Got an empty mapping.")
        replacements = dict(path)
    elif isinstance(path, key_type):
        replacements = {path: replacement}
    else:
        raise TypeError(f"`path` must be a string, or a mapping from paths to replacements. Got {type_name(path)}.")
    for value in replacements.values():
        check_replacement(value)
    return replacements


def check_replacement(value: object) -> None:
    """Requires a function."""
    if not callable(value):
        raise TypeError(f"`replacement` must be a function of the activation. Got {type_name(value)}.")


def check_joinable(calls: list[Tensor], dim: int, key: object) -> None:
    """Requires activations, one per call, that can be joined along an axis."""
    row_shapes = {
        (*x.shape[: dim % x.ndim], *x.shape[dim % x.ndim + 1 :]) if -x.ndim <= dim < x.ndim else None for x in calls
    }
    if len(row_shapes) > 1 or None in row_shapes:
        shapes = listed(dict.fromkeys(shape_of(x) for x in calls))
        axis = "the first axis" if dim == 0 else f"axis {dim}"
        raise ValueError(
            f"{key!r} must have the same shape in every call except for {axis}. Got {shapes}. "
            "Capture one call at a time, or pass the axis of the batch as dim."
        )


def check_distinct(modules: Mapping[str, nn.Module]) -> None:
    """Requires paths that lead to different modules."""
    first_paths: dict[int, str] = {}
    for path, module in modules.items():
        other = first_paths.setdefault(id(module), path)
        if other != path:
            raise ValueError(
                f"`path` must lead to a module once. Got {other!r} and {path!r}, which are the same module, "
                "and a hook sees its calls by either path."
            )


def check_replaced(result: object, original: Tensor, what: str) -> Tensor:
    """The result of the replacement for ``what``, in the dtype and on the device of the original activation."""
    if not isinstance(result, Tensor):
        raise TypeError(f"The replacement for {what} must return a tensor. Got {type_name(result)}.")
    if result.shape != original.shape:
        raise ValueError(
            f"The replacement for {what} must keep the activation's shape {shape_of(original)}. Got {shape_of(result)}."
        )
    # A copy, because the next module may work in place, and the tensor may belong to the user.
    return result.to(original, copy=True)


def check_repeatable(replacement: Any, activation: Tensor, what: str) -> None:
    """Requires a replacement that returns the same twice, because gradient checkpointing computes it again.

    It puts the global random states back first, so a replacement that draws from these returns the same.
    """
    with torch.no_grad():
        with torch_states_kept():
            once = replacement(activation)
        with torch_states_kept():
            again = replacement(activation)
    if not isinstance(once, Tensor) or not isinstance(again, Tensor) or once.shape != again.shape:
        return  # the error is raised where the replacement is used
    if not torch.allclose(once, again, rtol=0.0, atol=0.0, equal_nan=True):
        raise RuntimeError(
            f"The replacement for {what} must return the same again where gradient checkpointing computes it again in "
            "the backward pass. Got other numbers. Turn gradient checkpointing off."
        )


def check_called(calls: dict[str, int]) -> None:
    """Requires at least one call of every hooked submodule."""
    uncalled = [path for path, count in calls.items() if count == 0]
    if uncalled:
        raise RuntimeError(
            f"The submodule {uncalled[0]!r} must be called inside the context. It was not. "
            "Run the model there, not compiled, and name a submodule that its forward pass calls."
        )
