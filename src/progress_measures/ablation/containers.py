"""What modules pass around besides tensors: tuples, named tuples, lists, mappings and dataclasses, nested at will.

Nothing is changed in place: who made a container may keep it and use it again.
"""

import copy
import dataclasses
from collections.abc import Iterator, MutableMapping
from typing import Any

from torch import Tensor

Item = int | str
NOTHING = object()


def get(value: Any, items: tuple[Item, ...]) -> Any:
    """What lies at some items, from the outside in, or ``NOTHING``."""
    for item in items:
        value = _children(value).get(_key(value, item), NOTHING)
    return value


def put(value: Any, items: tuple[Item, ...], new: Any) -> Any:
    """A container of the same type with something new at the items, which lead somewhere; the rest is as it was."""
    if not items:
        return new
    key, *further = _key(value, items[0]), *items[1:]
    new = put(_children(value)[key], tuple(further), new)
    if isinstance(value, tuple):
        # PyTorch's own named tuples, such as torch.return_types.max, have no _make but take a sequence.
        make = getattr(value, "_make", type(value))
        return make([new if place == key else child for place, child in enumerate(value)])
    changed = copy.copy(value)
    if isinstance(value, list | MutableMapping):
        changed[key] = new
    else:
        object.__setattr__(changed, str(key), new)  # a dataclass may be frozen
    return changed


def places(value: Any) -> Iterator[tuple[Item, ...]]:
    """The items that lead to each tensor; names where there are names."""
    if isinstance(value, Tensor):
        yield ()
    names = _names(value)
    for key, child in _children(value).items():
        for further in places(child):
            yield (names[key] if names else key, *further)


def _children(value: Any) -> dict[Any, Any]:
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if isinstance(value, MutableMapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {}


def _key(value: Any, item: Item) -> Item:
    """An item as the key of a child: a field's or a negative place in a tuple is counted from the front."""
    names = _names(value)
    if isinstance(item, str):
        return names.index(item) if item in names else item
    return item + len(value) if item < 0 and isinstance(value, tuple | list) else item


def _names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple; both Python's and PyTorch's are matched by them."""
    return getattr(value, "__match_args__", ()) if isinstance(value, tuple) else ()
