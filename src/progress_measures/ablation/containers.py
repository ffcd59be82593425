"""Containers that modules pass around: tuples, named tuples, lists, mappings and dataclasses, nested at will.

An item is an index, a field name or a key. Several items lead from the outermost container to a value inside it.
Nothing is changed in place, because the maker of a container may keep it and use it again.
"""

import copy
import dataclasses
from collections.abc import Iterator, MutableMapping
from typing import Any

from torch import Tensor

Item = int | str
NOTHING = object()


def get(value: Any, items: tuple[Item, ...]) -> Any:
    """The value that the items lead to, or ``NOTHING`` if there is none."""
    for item in items:
        value = _children(value).get(_key(value, item), NOTHING)
    return value


def put(value: Any, items: tuple[Item, ...], new: Any) -> Any:
    """A container of the same type with ``new`` in place of the value that the items lead to, which must exist."""
    if not items:
        return new
    key, *further = _key(value, items[0]), *items[1:]
    new = put(_children(value)[key], tuple(further), new)
    if isinstance(value, tuple):
        # PyTorch's own named tuples, such as torch.return_types.max, have no _make, but their type takes a sequence.
        make = getattr(value, "_make", type(value))
        return make([new if index == key else child for index, child in enumerate(value)])
    changed = copy.copy(value)
    if isinstance(value, list | MutableMapping):
        changed[key] = new
    else:
        object.__setattr__(changed, str(key), new)  # a dataclass may be frozen
    return changed


def items_of_tensors(value: Any) -> Iterator[tuple[Item, ...]]:
    """For each tensor, the items that lead to it; fields of named tuples go by name."""
    if isinstance(value, Tensor):
        yield ()
    names = _names(value)
    for key, child in _children(value).items():
        for further in items_of_tensors(child):
            yield (names[key] if names else key, *further)


def _children(value: Any) -> dict[Any, Any]:
    """The values directly inside a container, by index, key or field; none if it is not a container."""
    if isinstance(value, tuple | list):
        return dict(enumerate(value))
    if isinstance(value, MutableMapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return {}


def _key(value: Any, item: Item) -> Item:
    """The key of an item in ``_children``: field names of named tuples and negative indices become indices."""
    names = _names(value)
    if isinstance(item, str):
        return names.index(item) if item in names else item
    return item + len(value) if item < 0 and isinstance(value, tuple | list) else item


def _names(value: Any) -> tuple[str, ...]:
    """The fields of a named tuple, of Python's or of PyTorch's kind; empty for other values."""
    return getattr(value, "__match_args__", ()) if isinstance(value, tuple) else ()
