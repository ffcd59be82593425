"""Sites: which tensor is meant among those that go into a submodule and those that come out of it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event
from typing import Any, Literal

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from progress_measures._checks.values import as_index, check_choice, type_name
from progress_measures.ablation import containers
from progress_measures.ablation.containers import Item

Of = Literal["output", "input"]
Visit = Callable[[Tensor], Tensor | None]


@dataclass(frozen=True)
class Site:
    """One tensor that goes into a submodule or comes out of it; :func:`output_of` and :func:`input_of` make one.

    Sites that name the same are equal and have one hash, so they serve as keys.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        of: Whether the tensor is in what the submodule returns, or among its arguments.
        items: Where it is there, from the outside in.

    Raises:
        TypeError: If ``path`` is not a string, or an item neither an integer nor a string.
        ValueError: If there is no such ``of``.

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
    """A tensor in what a submodule returns: the site for :func:`ablated` and :func:`captured`.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        items: None if the submodule returns a tensor. Else the place in a tuple or list, the field of a named tuple or
            dataclass, or the key of a mapping; several descend.

    Returns:
        The site.

    Raises:
        TypeError: If ``path`` is not a string, or an item neither an integer nor a string.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.LSTM(3, 4))  # returns (output, (h, c))
        >>> with pm.captured(model, pm.output_of("0", 1, 0)) as activations:
        ...     _, (h, _) = model(torch.randn(5, 3))
        >>> bool((activations[pm.output_of("0", 1, 0)] == h).all())
        True
    """
    return Site(path, "output", items)


def input_of(path: str, *items: Item) -> Site:
    """A tensor among the arguments of a submodule: the site for :func:`ablated` and :func:`captured`.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        items: None if the tensor is the only argument. Else the place of a positional argument or the name of a keyword
            argument, as the model passes it; further items descend as in :func:`output_of`.

    Returns:
        The site.

    Raises:
        TypeError: If ``path`` is not a string, or an item neither an integer nor a string.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))
        >>> with pm.ablated(model, pm.input_of("1"), pm.zero_ablation()):
        ...     bool((model(torch.randn(5, 3)) == model[1].bias).all())
        True
    """
    return Site(path, "input", items)


def path_of(key: Key) -> str:
    """The path of the submodule that a user named."""
    return key.path if isinstance(key, Site) else key


def hooked(model: nn.Module) -> bool:
    """Whether a context has a hook in a model."""
    hooks = (
        hook
        for module in model.modules()
        for at in (module._forward_hooks, module._forward_pre_hooks)
        for hook in at.values()
    )
    return any(getattr(hook, "__module__", None) == __name__ for hook in hooks)


def register(module: nn.Module, key: Key, visit: Visit, left: Event) -> RemovableHandle:
    """A hook that shows the tensor at a site to ``visit``, until ``left``, and puts what that returns in its place."""
    site = Site(key) if isinstance(key, str) else key

    def on_output(_module: nn.Module, _args: Any, output: Any) -> Any:
        return None if left.is_set() else _visited(output, key, site, visit)

    def on_input(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if left.is_set():
            return None
        arguments = dict(enumerate(args)) | kwargs
        items = site.items or _check_only_argument(arguments, key, _named(arguments, site))
        changed = _visited(arguments, key, replace(site, items=items), visit)
        if changed is None:
            return None
        return tuple(changed[place] for place in range(len(args))), {name: changed[name] for name in kwargs}

    if site.of == "input":
        return module.register_forward_pre_hook(on_input, with_kwargs=True)
    return module.register_forward_hook(on_output)


def _visited(value: Any, key: Key, site: Site, visit: Visit) -> Any:
    """The value with what ``visit`` returns at a site, or None if it returns nothing."""
    found = containers.get(value, site.items)
    new = visit(_check_activation(found, found is containers.NOTHING, key, _named(value, site)))
    return None if new is None else containers.put(value, site.items, new)


def _named(value: Any, site: Site) -> Iterator[Site]:
    """The sites of all tensors in a value, in its order."""
    return (replace(site, items=items) for items in containers.places(value))


_SHOWN = 6  # of the sites that a message may name


def _check_items(path: object, items: Iterable[object]) -> tuple[int | str, ...]:
    """The items of a site, and that its path is a string."""
    if not isinstance(path, str):
        raise TypeError(f"`path` must be a string. Got {path!r} ({type_name(path)}).")
    found: list[int | str] = []
    for item in items:
        place = item if isinstance(item, str) else as_index(item)
        if place is None:
            raise TypeError(f"`items` must be places (integers) or names (strings). Got {item!r} ({type_name(item)}).")
        found.append(place)
    return tuple(found)


def _check_only_argument(arguments: dict[Any, Any], key: object, named: Iterable[object]) -> tuple[Any]:
    """The place or name of the one argument that a submodule was called with."""
    if len(arguments) != 1:
        raise TypeError(f"{key!r} must be the only argument. Got {len(arguments) or 'none'}.{_remedy(named)}")
    (only,) = arguments
    return (only,)


def _check_activation(value: object, missing: bool, key: object, named: Iterable[object]) -> Tensor:
    """What a hook found at a site, if it is a tensor; ``named`` are the sites where there is one."""
    if missing:
        raise ValueError(f"{key!r} must be a tensor. Got nothing: there is no such item.{_remedy(named)}")
    if isinstance(value, Tensor) and value.is_nested:
        raise TypeError(
            f"{key!r} must be a tensor with a shape. Got a nested one, which nn.TransformerEncoder makes of padded "
            "inputs. Make the encoder with enable_nested_tensor=False."
        )
    if not isinstance(value, Tensor):
        whole = isinstance(key, str)
        requirement = f"The submodule {key!r} must return a tensor" if whole else f"{key!r} must be a tensor"
        raise TypeError(f"{requirement}. Got {type_name(value)}.{_remedy(named)}")
    return value


def _remedy(named: Iterable[object]) -> str:
    first = [repr(site) for site in islice(named, _SHOWN + 1)]
    if not first:
        return " Name the submodule that makes the tensor."
    return f" Name one: {', '.join(first[:_SHOWN])}{', …' if len(first) > _SHOWN else ''}."
