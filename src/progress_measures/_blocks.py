"""Large tensors, block by block: as many values at once as a cache holds, and no more of a file than that.

A block is small enough for what is computed from it to stay in the processor's cache, and large enough that calling an
operator costs little beside it; a GPU has room for more at a time. So the memory that a measure needs does not grow
with the tensor that it reads, which may live in a file.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from progress_measures import _files

BLOCK = 2**19  # values at once on a CPU: 4 MiB of float64
GPU_BLOCK = 2**25

T = TypeVar("T")
Progress = Callable[[Iterable[Any]], Iterable[Any]]


def block_length(width: int, device: torch.device) -> int:
    """How many rows of some width are a block."""
    return max(1, (BLOCK if device.type == "cpu" else GPU_BLOCK) // max(1, width))


def blocks(x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """All of a tensor, in blocks along its first axis: where each begins, and the block."""
    start = 0
    for block in torch.split(x, block_length(x[:1].numel(), x.device)):
        yield start, _files.in_memory(block)
        start += len(block)


def row_blocks(matrix: Tensor, index: Tensor, progress: Progress | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Some rows of a matrix, ``(N, m)``, block by block: their indices, ``(i, …)``, and the rows, ``(i, …, m)``.

    Args:
        matrix: Rows to choose from.
        index: Which rows, in blocks along the first axis.
        progress: Wraps the list of blocks, such as ``tqdm``.
    """
    length = block_length(index[:1].numel() * matrix.shape[1], matrix.device)
    parts = torch.split(index, length)
    if matrix.requires_grad:  # gathered in one go, because the gradient of every gathering is as large as all rows
        yield from zip(every_one(parts, progress), torch.split(_gather(matrix, index), length), strict=True)
        return
    for part in every_one(parts, progress):
        yield part, _gather(matrix, part)


def every_one(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """What a progress bar passes on, which has to be everything."""
    count = 0
    for item in items if progress is None else progress(items):
        yield item
        count += 1
    if count != len(items):
        raise RuntimeError(
            f"`progress` must pass on each of the {len(items)} items that it wraps. It passed on {count}."
        )


def _gather(matrix: Tensor, index: Tensor) -> Tensor:
    return _files.rows_in_memory(matrix, index.flatten()).view(*index.shape, matrix.shape[1])
