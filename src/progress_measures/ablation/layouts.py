"""Which axis of an activation is the batch, as far as the classes of modules determine it."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from progress_measures._checks.values import shape_of
from progress_measures.ablation.sites import Site


@dataclass(frozen=True)
class Doubt:
    """The axis of the batch is uncertain, because another layer in the model has its batch along axis 1."""

    layer: str
    """The class of that layer."""


Batch = int | Doubt | None
"""The axis of the batch, a doubt about it, or None if nothing is known."""


def axis_of_batch(modules: Sequence[nn.Module], site: Site) -> Batch:
    """The axis of the batch, from a module's own layout and from the layouts of the layers in its model.

    Args:
        modules: The modules on the path from the model to the submodule.
        site: The tensor of the submodule.
    """
    module = modules[-1]
    states: dict[str, list[tuple[int | str, ...]]] = {"output": [(1,), (-1,)], "input": [(1,), ("hx",)]}
    if isinstance(module, nn.RNNBase) and site.items[:1] in states[site.of]:
        # The states have the layers along axis 0, whatever the layout of the sequences.
        return 1 if _is_of_pytorch(module) else Doubt(type(module).__name__)
    if isinstance(module, nn.MultiheadAttention) and site.of == "output" and site.items in [(1,), (-1,)]:
        return 0  # attention weights
    if isinstance(module, _ConvNd | _BatchNorm):
        return 0
    for around in reversed(modules):
        axis = _axis_of_layer(around)
        if axis is not None and _is_of_pytorch(around):
            return axis
    # Classes of other authors, even subclasses of a layer, may have any layout, and so may everything next to them.
    layers = (layer for layer in modules[0].modules() if _axis_of_layer(layer) == 1)
    return next((Doubt(type(layer).__name__) for layer in layers), None)


def axes_without_batch(modules: Sequence[nn.Module]) -> int | None:
    """The number of axes of the activation of one input, in PyTorch's layers that take one without a batch; or None."""
    if isinstance(modules[-1], _ConvNd):
        return modules[-1].weight.ndim - 1
    around = next((module for module in reversed(modules) if _axis_of_layer(module) is not None), None)
    return None if around is None or not _is_of_pytorch(around) else 2


def check_stated(x: Tensor, batch: Batch) -> None:
    """Requires that an activation has its batch first, as far as is known; otherwise ``dim`` must be passed."""
    if isinstance(batch, Doubt):
        fitting = " or ".join(f"dim={axis}" for axis in range(x.ndim - 1))
        raise ValueError(
            f"`dim` must be given where a layer of the model has its batch along axis 1, as {batch.layer} has, because "
            f"other modules may. Got shape {shape_of(x)}. Pass the axis with one entry per input: {fitting}."
        )
    if batch:
        raise ValueError(
            f"`dim` must be given where a module has its batch along another axis than 0. Got shape {shape_of(x)} "
            f"from a module that has it along axis {batch}: pass dim={batch}."
        )


def _is_of_pytorch(module: nn.Module) -> bool:
    """Whether a module and all modules in it are PyTorch's own, so that their options determine their layout."""
    return all(type(part).__module__.startswith("torch.") for part in module.modules())


def _axis_of_layer(module: nn.Module) -> int | None:
    """The axis of the batch in a PyTorch layer that has the option ``batch_first``; None for other modules."""
    if isinstance(module, nn.Transformer | nn.TransformerEncoder | nn.TransformerDecoder):
        first = next((layer for layer in module.modules() if isinstance(layer, nn.MultiheadAttention)), None)
        return None if first is None else _axis_of_layer(first)
    if isinstance(module, nn.TransformerEncoderLayer | nn.TransformerDecoderLayer):
        return _axis_of_layer(module.self_attn)
    if isinstance(module, nn.RNNBase | nn.MultiheadAttention):
        return 0 if module.batch_first else 1
    return None
