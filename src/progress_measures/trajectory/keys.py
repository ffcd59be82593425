"""The column ``key_frequencies``, 1 for each frequency that the losses beside it were restricted to, or else 0."""

import warnings
from collections.abc import Iterable, Mapping

from torch import Tensor

KEYS = "key_frequencies"
NONE = (
    f"`{KEYS}` are none at any step, so restricted loss is about chance and excluded loss the training loss, "
    "whether or not the network has a circuit. Record the run with frequencies that are known."
)


def warn_if_no_keys(columns: Mapping[str, Tensor], chosen: Iterable[str], *, stacklevel: int) -> None:
    """Warns where some of the chosen columns are filtered losses, and no step has a key frequency."""
    if filtered(chosen) and KEYS in columns and columns[KEYS].ndim == 2 and columns[KEYS].shape[1] > 0:
        measured = columns[KEYS].isfinite().all(1)
        if bool(measured.any()) and not bool(columns[KEYS][measured].any()):
            warnings.warn(NONE, UserWarning, stacklevel=stacklevel + 1)


def filtered(columns: Iterable[str]) -> bool:
    """Whether there is a loss or accuracy among the columns that depends on which frequencies are key."""
    return any(name.startswith(("restricted_", "excluded_")) and not name.endswith("_frequency") for name in columns)


def warn_if_keys_change(steps: Tensor, columns: Mapping[str, Tensor], *, stacklevel: int) -> None:
    """Warns where restricted and excluded loss are of other frequencies at other steps, or of none at any."""
    if KEYS not in columns or columns[KEYS].ndim != 2:
        return
    keys, measured = columns[KEYS], columns[KEYS].isfinite().all(1)
    keys, steps = keys[measured], steps[measured]
    if len(keys) == 0 or keys.shape[1] == 0:
        return
    if not keys.any():
        warnings.warn(NONE, UserWarning, stacklevel=stacklevel + 1)
        return
    changed = (keys[1:] != keys[:-1]).any(1).nonzero()
    if len(changed) > 0:
        last = tuple((keys[-1].nonzero()[:, 0] + 1).tolist())
        warnings.warn(
            f"`{KEYS}` change, first at step {int(steps[1:][changed[0, 0]])}, so restricted and excluded loss are of "
            "other frequencies at other steps, and turn where the choice does. Record those of the final model, "
            f"{last}, at every step: track the checkpoints with them, or record 'final' and use add_restricted_loss.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def runs_without_keys(runs: Mapping[str, Mapping[str, Tensor]]) -> list[str]:
    """The names of runs with filtered losses whose last step has no key frequency, where other runs have some."""
    with_keys = {
        name: columns[KEYS]
        for name, columns in runs.items()
        if filtered(columns) and KEYS in columns and columns[KEYS].ndim == 2
    }
    none = [name for name, keys in with_keys.items() if keys.shape[1] > 0 and not keys[-1].any()]
    return none if len(none) < len(with_keys) else []
