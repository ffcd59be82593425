"""The activations that ``captured`` has recorded, with all calls joined."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from typing_extensions import override

from progress_measures._checks.values import listed, shape_of
from progress_measures.ablation.calls import Call, Run, check_ended
from progress_measures.ablation.checks import check_called, check_captured_path, check_joinable
from progress_measures.ablation.joins import in_order
from progress_measures.ablation.layouts import Batch, check_stated
from progress_measures.ablation.passes import check_one_fit, settle, without_transforms
from progress_measures.ablation.sites import Key, path_of


class Activations(Mapping[Key, Tensor]):
    """The activations that :func:`captured` recorded, by path or site, with all calls joined along the batch.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
        >>> with pm.captured(model, ["0", "1"]) as activations:
        ...     outputs = [model(torch.ones(4, 2)) for _ in range(2)]
        >>> activations, activations["1"].shape
        (Activations('0', '1'), torch.Size([8, 3]))
    """

    def __init__(
        self, calls: Mapping[Key, list[Call]], dim: int | None, axes: Mapping[Key, tuple[Batch, int | None]]
    ) -> None:
        self._calls, self._dim, self._axes = calls, dim, axes

    @override
    def __getitem__(self, path: Key) -> Tensor:
        check_captured_path(path, self._calls)
        check_called({path_of(path): len(self._calls[path])})
        calls = check_ended(self._calls[path], path)
        chunks = [without_transforms(call.activation) for call in calls]
        if len(chunks) == 1:
            return chunks[0]
        axis = self._dim or 0
        check_joinable(chunks, axis, path)
        axis %= chunks[0].ndim
        self._check_batch(axis, calls, chunks, path)
        sizes = [chunk.shape[axis] for chunk in chunks]
        return torch.cat([chunks[place] for place in in_order(calls, sizes, path)], axis)

    @override
    def __contains__(self, path: object) -> bool:
        return path in self._calls

    @override
    def __iter__(self) -> Iterator[Key]:
        return iter(self._calls)

    @override
    def __len__(self) -> int:
        return len(self._calls)

    @override
    def __repr__(self) -> str:
        return f"Activations({listed(map(repr, self._calls))})"

    def _check_batch(self, axis: int, calls: Sequence[Call], chunks: Sequence[Tensor], path: Key) -> None:
        """Requires that calls are joined along the batch, as far as its axis is known."""
        batches: dict[int, list[int]] = {}
        settled: set[torch.Size] = set()
        stated, alone = self._axes[path]
        for place, (call, chunk) in enumerate(zip(calls, chunks, strict=True)):
            if call.packed > 1:
                _raise_packed(path)
            if call.fed is not None:
                batches.setdefault(id(call.fed), []).append(place)
                settle(chunk, call.fed.rows, settled)
            elif self._dim is None and chunk.ndim == alone and not call.packed:
                _raise_alone(chunk, path)
            elif self._dim is None and chunk.ndim > 2:
                check_stated(chunk, stated)
        for places in batches.values():
            rows = calls[places[0]].fed.rows  # type: ignore[union-attr]  # calls without a batch are not among them
            _check_not_repeated(
                [calls[place].runs[:1] for place in places], [chunks[place].shape[axis] for place in places], rows, path
            )
            # A batch may be split, and a submodule called more than once.
            joined = sum(chunks[place].shape[axis] for place in places)
            if joined == 0 or joined % rows:
                _raise_unfit(chunks[places[0]], axis, joined, rows, path)
            if self._dim is None:
                check_one_fit(chunks[places[0]], rows, settled)


def _raise_packed(path: Key) -> None:
    raise ValueError(
        f"{path!r} must have an axis of the batch, where calls are joined. Got the data of a packed sequence, which "
        "has inputs and positions along one axis. Capture one call at a time."
    )


def _raise_alone(x: Tensor, path: Key) -> None:
    raise ValueError(
        f"{path!r} must have an axis of the batch, where calls are joined. Got shape {shape_of(x)}, which a layer of "
        "PyTorch takes as one input without a batch. Run the model on a batch, capture one call at a time, or pass "
        "`dim` to join the calls along that axis."
    )


def _check_not_repeated(runs: Sequence[tuple[Run, ...]], sizes: Sequence[int], rows: int, path: Key) -> None:
    """Requires that no call of the model with the whole batch was followed by calls with parts of it."""
    of_run: dict[int, int] = {}
    for place, (run, size) in enumerate(zip(runs, sizes, strict=True)):
        key = id(run[0]) if run else -1 - place
        of_run[key] = of_run.get(key, 0) + size
    parts = [size for size in of_run.values() if size % rows]
    if parts and len(parts) < len(of_run):
        raise ValueError(
            f"{path!r} must be called with each input of the batch ({rows}) equally often. Got calls with "
            f"{', '.join(map(str, of_run.values()))} inputs, as if `predict` had repeated a failed call in parts. "
            f"Pass batch_size={max(parts)}."
        )


def _raise_unfit(x: Tensor, axis: int, joined: int, rows: int, path: Key) -> None:
    fitting = [place for place, size in enumerate(x.shape) if size == rows]
    remedy = f"Axis {fitting[0]} has {rows}: pass dim={fitting[0]}." if fitting else (
        "Capture all inputs in one batch, whose activations stay as they are."
    )  # fmt: skip
    raise ValueError(
        f"{path!r} must have one entry per input of the batch ({rows}) along `dim`, where the calls are joined. "
        f"Got {joined} along axis {axis} of shape {shape_of(x)}. {remedy}"
    )
