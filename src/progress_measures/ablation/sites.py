"""Sites: names of single tensors among the inputs or outputs of submodules."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from threading import Event
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence
from torch.utils.hooks import RemovableHandle

from progress_measures._checks.values import as_index, check_choice, type_name
from progress_measures.ablation import containers
from progress_measures.ablation.containers import Item

Of = Literal["output", "input"]
F = TypeVar("F", bound=Callable[..., Any])
Visit = Callable[[Tensor, int], Tensor | None]
"""A function of a tensor, and of the number of positions if it is the data of a packed sequence, or else 0."""


@dataclass(frozen=True)
class Site:
    """One tensor among the inputs or outputs of a submodule. :func:`output_of` and :func:`input_of` make sites.

    Sites with equal fields are equal and have the same hash, so they can be keys of a mapping.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        of: Whether the tensor is in the output of the submodule or among its inputs.
        items: The indices, names or keys that lead to the tensor, from the outermost container inwards.

    Raises:
        TypeError: If ``path`` is not a string, or an item is neither an integer nor a string.
        ValueError: If ``of`` is not one of the choices.

    Example:
        >>> pm.ablation.Site("lstm", "output", (1, 0))
        output_of('lstm', 1, 0)
    """

    path: str
    of: Of = "output"
    items: tuple[Item, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", _check_items(self.path, self.items))
        check_choice(self.of, "of", Of)

    def __repr__(self) -> str:
        return f"{self.of}_of({', '.join(map(repr, (self.path, *self.items)))})"


Key = str | Site


def output_of(path: str, *items: Item) -> Site:
    """The site of a tensor in the output of a submodule, for :func:`ablated` and :func:`captured`.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        items: Nothing if the submodule returns a tensor. Otherwise the index in a tuple or list, the field of a named
            tuple or dataclass, or the key of a mapping. Further items lead into nested containers.

    Returns:
        The site.

    Raises:
        TypeError: If ``path`` is not a string, or an item is neither an integer nor a string.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.LSTM(3, 4))  # returns (output, (h, c))
        >>> with pm.captured(model, pm.output_of("0", 1, 0)) as activations:
        ...     _, (h, _) = model(torch.randn(5, 3))
        >>> bool((activations[pm.output_of("0", 1, 0)] == h).all())
        True
    """
    return Site(path, "output", items)


def input_of(path: str, *items: Item) -> Site:
    """The site of a tensor among the arguments of a submodule, for :func:`ablated` and :func:`captured`.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        items: Nothing if the tensor is the only argument. Otherwise the index of a positional argument or the name of a
            keyword argument, depending on how the model passes it. Further items lead into nested containers, as in
            :func:`output_of`.

    Returns:
        The site.

    Raises:
        TypeError: If ``path`` is not a string, or an item is neither an integer nor a string.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
        >>> with pm.ablated(model, pm.input_of("1"), pm.zero_ablation()):
        ...     bool((model(torch.randn(5, 3)) == model[1].bias).all())
        True
    """
    return Site(path, "input", items)


def path_of(key: Key) -> str:
    """The path of the submodule of a path or site."""
    return key.path if isinstance(key, Site) else key


def as_site(key: Key) -> Site:
    """The site of the output at a path, or the site itself."""
    return Site(key) if isinstance(key, str) else key


def modules_on(model: nn.Module, path: str) -> list[nn.Module]:
    """The modules along a path, from the model down to the submodule."""
    prefixes = ["", *accumulate(path.split("."), "{}.{}".format)] if path else [""]
    return [model.get_submodule(prefix) for prefix in prefixes]


def not_compiled(hook: F) -> F:
    """A hook that compiled code calls uncompiled. If the compiler, slow to import, is not loaded, the hook itself."""
    if "torch._dynamo" not in sys.modules:
        return hook
    return torch.compiler.disable(hook)  # type: ignore[no-untyped-call,no-any-return]  # PyTorch leaves it untyped


def hooked(model: nn.Module) -> bool:
    """Whether a model carries a hook that :func:`ablated` or :func:`captured` added."""
    hooks = (
        hook
        for module in model.modules()
        for registry in (module._forward_hooks, module._forward_pre_hooks)
        for hook in registry.values()
    )
    return any(getattr(hook, "__module__", None) in (__name__, f"{__package__}.inside") for hook in hooks)


def register(module: nn.Module, key: Key, visit: Visit, closed: Event) -> RemovableHandle:
    """Adds a hook that calls ``visit`` with the tensor at a site and replaces the tensor by the result, if not None.

    The hook does nothing once ``closed`` is set.
    """
    site = as_site(key)

    def on_output(_module: nn.Module, _args: Any, output: Any) -> Any:
        return None if closed.is_set() else _visit(output, key, site, visit)

    def on_input(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if closed.is_set():
            return None
        arguments = dict(enumerate(args)) | kwargs
        items = site.items or _check_only_argument(arguments, key, _tensor_sites(arguments, site))
        changed = _visit(arguments, key, replace(site, items=items), visit)
        if changed is None:
            return None
        return tuple(changed[index] for index in range(len(args))), {name: changed[name] for name in kwargs}

    if site.of == "input":
        return module.register_forward_pre_hook(not_compiled(on_input), with_kwargs=True)
    return module.register_forward_hook(not_compiled(on_output))


def _visit(value: Any, key: Key, site: Site, visit: Visit) -> Any:
    """The value with the tensor at a site replaced by the result of ``visit``, or None if the result is None."""
    tensor = containers.get(value, site.items)
    checked = _check_activation(tensor, tensor is containers.NOTHING, key, _tensor_sites(value, site))
    new = visit(checked, _packed_positions(value, site, checked))
    return None if new is None else containers.put(value, site.items, new)


def _packed_positions(value: Any, site: Site, tensor: Tensor) -> int:
    """The number of positions if a tensor is the data of a packed sequence, or else 0."""
    holder = containers.get(value, site.items[:-1]) if site.items else None
    return len(holder.batch_sizes) if isinstance(holder, PackedSequence) and tensor is holder.data else 0


def _tensor_sites(value: Any, site: Site) -> Iterator[Site]:
    """The sites of all tensors in a value, in its order; path and direction are those of ``site``."""
    return (replace(site, items=items) for items in containers.items_of_tensors(value))


def check_not_nested(value: object, key: object) -> None:
    """Requires a tensor that is not nested."""
    if isinstance(value, Tensor) and value.is_nested:
        raise TypeError(
            f"{key!r} must be a tensor with a shape. Got a nested one, which nn.TransformerEncoder makes of padded "
            "inputs. Make the encoder with enable_nested_tensor=False."
        )


_SHOWN = 6  # the largest number of sites in a message


def _check_items(path: object, items: Iterable[object]) -> tuple[int | str, ...]:
    """The items of a site as integers and strings; requires its path to be a string."""
    if not isinstance(path, str):
        raise TypeError(f"`path` must be a string. Got {path!r} ({type_name(path)}).")
    checked: list[int | str] = []
    for item in items:
        place = item if isinstance(item, str) else as_index(item)
        if place is None:
            raise TypeError(f"`items` must be places (integers) or names (strings). Got {item!r} ({type_name(item)}).")
        checked.append(place)
    return tuple(checked)


def _check_only_argument(arguments: dict[Any, Any], key: object, tensor_sites: Iterable[object]) -> tuple[Any]:
    """The index or name of the only argument that a submodule was called with."""
    if len(arguments) != 1:
        raise TypeError(f"{key!r} must be the only argument. Got {len(arguments) or 'none'}.{_remedy(tensor_sites)}")
    (only,) = arguments
    return (only,)


def _check_activation(value: object, missing: bool, key: object, tensor_sites: Iterable[object]) -> Tensor:
    """The value at a site, which must be a tensor; an error suggests some of ``tensor_sites``."""
    if missing:
        raise ValueError(f"{key!r} must be a tensor. Got nothing: there is no such item.{_remedy(tensor_sites)}")
    check_not_nested(value, key)
    if not isinstance(value, Tensor):
        is_path = isinstance(key, str)
        requirement = f"The submodule {key!r} must return a tensor" if is_path else f"{key!r} must be a tensor"
        raise TypeError(f"{requirement}. Got {type_name(value)}.{_remedy(tensor_sites)}")
    return value


def _remedy(tensor_sites: Iterable[object]) -> str:
    """The end of a message: the sites to choose from."""
    first = [repr(site) for site in islice(tensor_sites, _SHOWN + 1)]
    if not first:
        return " Name the submodule that makes the tensor."
    return f" Name one: {', '.join(first[:_SHOWN])}{', …' if len(first) > _SHOWN else ''}."
