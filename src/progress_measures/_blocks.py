"""Large tensors, read block by block.

A block is so small that results computed from it stay in the processor's cache, and so large that the cost of calling
an operator does not matter; a GPU takes larger blocks. So the memory that a measure needs does not grow with the tensor
that it reads, and only one block of a tensor that lives in a file is in memory at a time.
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
    """The number of rows in a block, if each row holds ``width`` values."""
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
        index: Indices of the rows; a block is a part of it along the first axis.
        progress: A function that wraps the list of blocks, such as ``tqdm``.
    """
    length = block_length(index[:1].numel() * matrix.shape[1], matrix.device)
    parts = torch.split(index, length)
    if matrix.requires_grad:  # gather once, because each gathering has a gradient as large as the matrix
        yield from zip(every_one(parts, progress), torch.split(gather(matrix, index), length), strict=True)
        return
    for part in every_one(parts, progress):
        yield part, gather(matrix, part)


def every_one(items: Sequence[T], progress: Progress | None) -> Iterator[T]:
    """Yields the items that a progress bar passes on, and raises if these are not as many as it was given."""
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
