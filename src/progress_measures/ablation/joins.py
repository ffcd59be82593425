"""The order in which the calls of a submodule are joined: as in one batch of all inputs."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from progress_measures._checks.values import listed
from progress_measures.ablation.calls import Call, Run
from progress_measures.ablation.passes import Fed
from progress_measures.ablation.sites import Key


def in_order(calls: Sequence[Call], sizes: Sequence[int], path: Key) -> list[int]:
    """The indices of calls in the order in which to join them: for ``grid_logits``, the order of one large batch.

    If a submodule is called several times in each pass, all inputs of the first call come before those of the second.

    Args:
        calls: The calls in the order in which they were made.
        sizes: The number of entries of each along the axis of the batch.
        path: The name of the submodule in messages.
    """
    order: list[int] = []
    for batches in _grids(calls):
        passes = [_passes(places, calls, sizes, fed.rows) if fed else [places] for fed, places in batches]
        if len(batches) == 1:
            order += [place for places in passes[0] or [batches[0][1]] for place in places]
            continue
        if None in passes or len({len(of_batch or []) for of_batch in passes}) > 1:
            counts = listed(map(str, dict.fromkeys(len(places) for _, places in batches)))
            raise ValueError(
                f"{path!r} must be called equally often in each batch, because the calls are joined as those of one "
                f"batch would be. Got {counts} calls. Pass batch_size={batches[0][0].total}."  # type: ignore[union-attr]  # calls without a batch stand alone
            )
        for step in zip(*(of_batch or [] for of_batch in passes), strict=True):
            order += [place for places in step for place in places]
    return order


def _grids(calls: Sequence[Call]) -> Iterator[Sequence[tuple[Fed | None, list[int]]]]:
    """The batches of each run of ``grid_logits`` with the indices of their calls; every other call is its own run."""
    grid: list[tuple[Fed | None, list[int]]] = []
    for _, of_fed in groupby(range(len(calls)), lambda place: id(calls[place].fed)):
        places = list(of_fed)
        fed = calls[places[0]].fed
        if fed is None:
            yield from ([(None, [place])] for place in places)
            continue
        grid.append((fed, places))
        if sum(fed.rows for fed, _ in grid if fed) >= fed.total:
            yield grid
            grid = []
    if grid:
        yield grid


def _passes(places: Sequence[int], calls: Sequence[Call], sizes: Sequence[int], rows: int) -> list[list[int]] | None:
    """The indices of calls in groups that each have every input of the batch once; None if the groups are unknown.

    One call of the model may call the submodule several times. If a batch is split over several calls of the model,
    their first calls of the submodule form a group, then their second calls, and so on.
    """
    of_run: dict[Run | int, list[int]] = {}
    for place in places:
        of_run.setdefault(next(iter(calls[place].runs), place), []).append(place)
    passes: list[list[int]] = []
    split: list[list[int]] = []
    for run, run_places in of_run.items():
        is_piece = isinstance(run, Run) and bool(run.sizes) and rows not in run.sizes
        whole = None if split or is_piece else _filled(run_places, sizes, rows)
        if whole is not None:
            passes += whole
            continue
        split.append(run_places)
        if len({len(of_piece) for of_piece in split}) > 1:
            return None
        steps = [list(step) for step in zip(*split, strict=True)]
        if all(sum(sizes[place] for place in step) % rows == 0 for step in steps):
            passes += steps
            split = []
    return None if split else passes


def _filled(places: Sequence[int], sizes: Sequence[int], rows: int) -> list[list[int]] | None:
    """Groups of consecutive calls that together have as many entries as the batch; None if some calls are left."""
    passes: list[list[int]] = []
    part: list[int] = []
    for place in places:
        part.append(place)
        if sum(sizes[index] for index in part) % rows == 0:
            passes.append(part)
            part = []
    return None if part else passes
