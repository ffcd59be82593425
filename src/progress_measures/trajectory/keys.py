"""The column ``key_frequencies``: 1 for each key frequency of the filtered losses of the same row, else 0."""

import warnings
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

KEYS = "key_frequencies"
NONE = (
    f"`{KEYS}` are none at any step, so restricted loss is about chance and excluded loss the training loss, "
    "whether or not the network has a circuit. Record the run with frequencies that are known."
)


def filtered(columns: Iterable[str]) -> bool:
    """Whether one of the columns is a loss or accuracy that depends on the key frequencies."""
    return any(name.startswith(("restricted_", "excluded_")) and not name.endswith("_frequency") for name in columns)


def warn_if_no_keys(columns: Mapping[str, Tensor], chosen: Iterable[str], *, stacklevel: int) -> None:
    """Warns if some of the chosen columns are filtered losses but no step has a key frequency."""
    keys, _ = _measured(columns)
    if filtered(chosen) and len(keys) > 0 and not keys.any():
        warnings.warn(NONE, UserWarning, stacklevel=stacklevel + 1)


def warn_if_keys_change(steps: Tensor, columns: Mapping[str, Tensor], *, stacklevel: int) -> None:
    """Warns if the key frequencies of restricted and excluded loss change between steps, or if there are none."""
    warn_if_no_keys(columns, columns, stacklevel=stacklevel + 1)
    keys, measured = _measured(columns)
    changed = (keys[1:] != keys[:-1]).any(1).nonzero() if len(keys) > 0 else keys
    if len(changed) == 0:
        return
    last = last_keys(columns)
    which = f"those of the final model, {last}," if last else "the same ones, because the last step has none,"
    warnings.warn(
        f"`{KEYS}` change, first at step {int(steps[measured][1:][changed[0, 0]])}, so restricted and excluded loss "
        "are of other frequencies at other steps, and may jump where the frequencies change. "
        f"Record {which} at every step: track the saved checkpoints with them, or record another run.",
        UserWarning,
        stacklevel=stacklevel + 1,
    )


def last_keys(columns: Mapping[str, Tensor]) -> tuple[int, ...] | None:
    """The key frequencies of the last step that was measured; None if they were not recorded."""
    keys, _ = _measured(columns)
    return tuple((keys[-1].nonzero()[:, 0] + 1).tolist()) if len(keys) > 0 else None


def runs_without_keys(runs: Mapping[str, Mapping[str, Tensor]]) -> list[str]:
    """The names of runs with filtered losses but no key frequency at their last step, if other runs have some."""
    found = {name: _measured(columns)[0] for name, columns in runs.items() if filtered(columns)}
    with_keys = {name: keys for name, keys in found.items() if len(keys) > 0}
    none = [name for name, keys in with_keys.items() if not keys[-1].any()]
    return none if len(none) < len(with_keys) else []


def _measured(columns: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The key frequencies at the steps that were measured, ``(t, K)``, with t = 0 if there are none; and a mask."""
    keys = columns.get(KEYS, torch.empty(0, 0))
    if keys.ndim != 2 or keys.shape[1] == 0:
        keys = torch.empty(0, 0)
    measured = keys.isfinite().all(1)
    return keys[measured], measured
