"""Entries of a state dict that are not weights, or that count twice, which the state dict itself does not tell."""

import warnings
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from progress_measures._checks.values import listed

STATISTICS = ("running_mean", "running_var")  # of PyTorch's normalizations
BESIDE = {"_mask": "_orig", "_u": "_orig", "_v": "_orig"}  # of PyTorch's pruning, and its former spectral norm
COMMON = ("pe", "inv_freq", "masked_bias", "rotary_sin", "rotary_cos", "sin_cached", "cos_cached")  # in others' modules
OBSERVED = ("activation_post_process", "weight_fake_quant")  # of quantization-aware training


def is_buffer(x: Tensor, name: str, names: Collection[str]) -> bool:
    """Whether an entry is certainly a buffer: a buffer of PyTorch, by its name, or a mask, by its numbers."""
    if name.endswith(STATISTICS) or any(
        name.endswith(end) and name.removesuffix(end) + original in names for end, original in BESIDE.items()
    ):
        return True
    module, _, last = name.rpartition(".")
    if last in ("_u", "_v") and f"{module.rpartition('.')[0]}.original" in names:  # of PyTorch's spectral norm
        return True
    return not x.is_complex() and x.numel() > 0 and (_is_added_mask(x) or _is_triangle(x))


def _is_added_mask(x: Tensor) -> bool:
    """Whether all numbers are zero or minus infinity, as in masks that are added to attention scores."""
    hidden = x == -torch.inf
    return bool(hidden.any()) and bool((hidden | (x == 0)).all())


def _is_triangle(x: Tensor) -> bool:
    """Whether each matrix is ones up to its diagonal and zeros above it, as masks of causal attention are."""
    if x.ndim < 2 or x.shape[-1] != x.shape[-2] or x.shape[-1] == 1:
        return False
    return bool((x == torch.ones_like(x[(0,) * (x.ndim - 2)]).tril()).all())


def warn_of_unsure(entries: Mapping[str, Tensor], stacklevel: int) -> None:
    """Warns of entries that may be buffers, and of a weight that may be there twice.

    None of the entries is a ``torch.nn.Parameter``, so ``dict(model.named_parameters())`` is a remedy.
    """
    if buffers := [name for name in entries if _may_be_buffer(name)]:
        warnings.warn(
            "`model` is a state dict, which does not say what is a buffer. By their names, these entries may be, and "
            f"they count: {listed(map(repr, buffers))}. Pass dict(model.named_parameters()), or leave them out.",
            UserWarning,
            stacklevel=stacklevel,
        )
    # If several weights are there twice, a part of the model is a copy of another, as layers may be before training.
    if len(copies := _copies(entries)) == 1:
        warnings.warn(
            f"`model` has the same numbers under several names, and counts each: {listed(map(repr, copies[0]))}. If "
            "they are one weight, which the model shares, leave out all names but one; if not, pass "
            "dict(model.named_parameters()).",
            UserWarning,
            stacklevel=stacklevel,
        )


def _may_be_buffer(name: str) -> bool:
    *modules, last = name.split(".")
    return last in COMMON or last.endswith("mask") or any(module in OBSERVED for module in modules)


def _copies(entries: Mapping[str, Tensor]) -> list[list[str]]:
    """Groups of names of equal matrices, except for matrices with the same number everywhere."""
    groups: dict[object, list[list[str]]] = {}
    for name, x in entries.items():
        if x.ndim < 2 or x.numel() == 0:
            continue
        corners = [x[(at,) * x.ndim].item() for at in (0, -1)]
        alike = groups.setdefault((x.shape, x.dtype, x.device, *corners), [])
        same = next((names for names in alike if torch.equal(entries[names[0]], x)), None)
        if same is not None:
            same.append(name)
        elif not bool((x == corners[0]).all()):
            alike.append([name])
    return [names for alike in groups.values() for names in alike if len(names) > 1]
