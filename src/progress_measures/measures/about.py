"""A description of the usual measures, in words and numbers that a recording can hold and compare."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass
from typing import Any

from torch import Tensor

from progress_measures._checks.values import listed
from progress_measures.frequencies import Rule
from progress_measures.measures.weights import Weight
from progress_measures.operations.operation import Operation
from progress_measures.operations.split import Split


def about_of(
    op: Operation,
    frequencies: Any,
    split: Split,
    loss: Any,
    weights: Mapping[str, Weight | Callable[[Any], Tensor]],
) -> dict[str, Any]:
    """The arguments of :func:`grokking_measures` that affect its numbers, except for ``predict``.

    Functions are identified by their names, so two lambdas are the same. Masks and tables are identified by a digest
    and by their number of inputs. Choices that affect no number are left out: the order of frequencies, and how the
    first axis of a path is given.
    """
    return {
        "operation": f"{op.name}, n={op.n}, {_digest(op.inputs, op.elements, op.table, op.row_frequency)}",
        "frequencies": _of_frequencies(frequencies),
        "train_mask": _counted(split.train),
        "test_mask": _counted(split.test),
        "labels": _digest(split.labels) if split.noisy else "the answers",
        "loss": named(loss),
        "weights": {
            name: f"{source.path}, dim={source.dim or 0}" if isinstance(source, Weight) else named(source)
            for name, source in weights.items()
        },
    }


def _of_frequencies(frequencies: Any) -> Any:
    if isinstance(frequencies, Rule):
        if is_dataclass(frequencies) or type(frequencies).__repr__ is not object.__repr__:
            return repr(frequencies)
        return f"{type(frequencies).__qualname__}({getattr(frequencies, '__dict__', {})})"
    return named(frequencies) if isinstance(frequencies, str) or callable(frequencies) else sorted(frequencies)


def _counted(mask: Tensor) -> str:
    return f"{int(mask.sum())} of {len(mask)} inputs, {_digest(mask)}"


def _digest(*tensors: Tensor) -> str:
    """Eight digits that differ for different tensors."""
    digest = hashlib.sha256()
    for x in tensors:
        digest.update(repr(tuple(x.shape)).encode() + x.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:8]


def shown(frequencies: Any, most: int) -> str:
    """The argument ``frequencies`` of :func:`grokking_measures` in a few words."""
    if isinstance(frequencies, str | Rule):
        return repr(frequencies)
    return named(frequencies) if callable(frequencies) else f"[{listed(map(str, frequencies), most=most)}]"


def named(value: Any) -> str:
    """A string unchanged; a function or an object by its name."""
    return value if isinstance(value, str) else str(getattr(value, "__qualname__", type(value).__qualname__))
