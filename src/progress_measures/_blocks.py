"""Large tensors, read block by block.

Blocks are small enough that results computed from them stay in the processor's cache, and large enough that the
overhead of calling operators does not matter; on a GPU they are larger. The memory of a measure thus does not grow with
the tensor that it reads. If the tensor lives in a file, only one block of it is in memory at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from progress_measures import _files

BLOCK = 2**19  # values per block on a CPU: 4 MiB of float64
GPU_BLOCK = 2**25

T = TypeVar("T")
Progress = Callable[[Iterable[Any]], Iterable[Any]]


def block_length(width: int, device: torch.device) -> int:
    """The number of rows of ``width`` values in a block."""
    return max(1, (BLOCK if device.type == "cpu" else GPU_BLOCK) // max(1, width))


def blocks(x: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Yields a tensor in blocks along its first axis: the index at which each block begins, and the block."""
    start = 0
    for block in torch.split(x, block_length(x[:1].numel(), x.device)):
        yield start, _files.in_memory(block)
        start += len(block)


def row_blocks(matrix: Tensor, index: Tensor, progress: Progress | None = None) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields rows of a matrix, ``(N, m)``, block by block: their indices, ``(i, …)``, and the rows, ``(i, …, m)``.

    Args:
        matrix: The matrix to choose from.
        index: Indices of the rows. It is divided into blocks along its first axis.
        progress: A function that wraps the list of blocks, such as ``tqdm``.
    """
    length = block_length(index[:1].numel() * matrix.shape[1], matrix.device)
    parts = torch.split(index, length)
    if matrix.requires_grad:  # gather only once, because the gradient of each gathering is as large as the matrix
        yield from zip(every_one(parts, progress), torch.split(gather(matrix, index), length), strict=True)
        return
    for part in every_one(parts, progress):
        yield part, gather(matrix, part)


def every_one(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """Yields the items from a progress bar, and raises if the bar yields another number of items than it was given."""
    count = 0
    for item in items if progress is None else progress(items):
        yield item
        count += 1
    if count != len(items):
        raise RuntimeError(
            f"`progress` must pass on each of the {len(items)} items that it wraps. It passed on {count}."
        )


def gather(matrix: Tensor, index: Tensor) -> Tensor:
    """Rows of a matrix, ``(N, m)``, in memory: ``(…, m)`` for indices ``(…)``."""
    return _files.rows_in_memory(matrix, index.flatten()).view(*index.shape, matrix.shape[1])
