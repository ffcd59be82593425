"""Checks that weights are the numbers a model computes with: not codes, not one process's part, and not absent."""

from collections.abc import Callable, Collection

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

CODES = (torch.int8, torch.uint8, torch.int16, torch.int32)  # int64 and bool are indices and masks
WEIGHTS = ("weight", "weight_packed", "W_q")  # endings of the names of codes next to a scale of another name
BESIDE_NAME = ("_scale", "_scale_inv", ".absmax")  # of transformers, torchao and bitsandbytes
BESIDE = ("scale", "scales", "SCB", "weight_scale")  # of HQQ, GPTQ, AWQ, bitsandbytes and compressed-tensors
PACKED = ("_packed_params", "_all_weight_values")  # of PyTorch's quantized layers
# The other model knows what it shares. The state dict of an offloaded model does not, nor what `assign=True` loads.
LOAD = "Load its state dict into a model of the same kind that is not there, and measure that one."
OFFLOADED = (
    "It is offloaded: load accelerate.utils.modeling.get_state_dict_offloaded_model(model) into a model of the same "
    "kind that is not, and measure that one."
)
DEQUANTIZED = "Measure the model that it was quantized from, or pass a state dict of dequantized weights."


def _of_tensor(call: str) -> str:
    return f"Pass its {call}."


def check_held(
    x: Tensor, name: str, remedy: Callable[[str], str] = _of_tensor, *, load: str = "Load its numbers first."
) -> Tensor:
    """Requires a tensor that holds its own numbers, all of them.

    Args:
        x: The tensor.
        name: Its name in the message.
        remedy: A function from a method of the tensor, such as ``.full_tensor()``, to a remedy for the message.
        load: The remedy if the tensor has no numbers.
    """
    if is_lazy(x):
        raise ValueError(
            f"`{name}` must hold numbers. Got an uninitialized parameter. Run the model on a batch of inputs first."
        )
    if hasattr(x, "full_tensor"):
        raise TypeError(
            f"`{name}` must be a whole tensor. Got a DTensor, of which each process holds a part. "
            f"{remedy('.full_tensor()')} Every process has to do so."
        )
    if x.is_quantized or type(x).__module__.partition(".")[0] == "torchao":
        kind = str(x.dtype).removeprefix("torch.") if x.is_quantized else type(x).__name__
        raise TypeError(
            f"`{name}` must be the numbers that are computed with. Got codes of them, {kind}. {remedy('.dequantize()')}"
        )
    if hasattr(x, "ds_id") and x.numel() == 0:
        raise ValueError(
            f"`{name}` must be a whole tensor. Got a placeholder of DeepSpeed's. Measure on every process "
            "inside of deepspeed.zero.GatheredParameters(model.parameters())."
        )
    if x.is_meta and type(x) in (Tensor, nn.Parameter):
        raise ValueError(f"`{name}` must hold numbers. Got a tensor on the meta device, which has none. {load}")
    return x


def check_decoded(x: Tensor, name: str, others: Collection[str]) -> Tensor:
    """Requires that a tensor of a model does not hold codes, known by the name of a scale among ``others``."""
    if getattr(x, "quant_state", None) is not None:  # of bitsandbytes, which may store codes as floats
        raise TypeError(
            f"`{name}` must be the numbers that are computed with. Got codes of them, {type(x).__name__}. {DEQUANTIZED}"
        )
    float8 = x.is_floating_point() and x.element_size() == 1
    if not float8 and (x.dtype not in CODES or x.ndim < 2):
        return x
    prefix = name[: name.rfind(".") + 1]
    stands = [f"{name}{end}" for end in BESIDE_NAME]
    if float8 or name.endswith(WEIGHTS):  # integers of another name may be indices next to a learned scale
        stands += [f"{prefix}{end}" for end in BESIDE]
    for scale in stands:
        if scale in others:
            raise TypeError(
                f"`{name}` must be the numbers that are computed with. "
                f"Got codes of them, {x.dtype}, with the scale `{scale}`. {DEQUANTIZED}"
            )
    return x


def check_real_parameter(x: Tensor, name: str) -> Tensor:
    """Requires that a parameter does not hold integers, which are codes of quantized weights, or indices."""
    if x.is_floating_point() or x.is_complex():
        return x
    raise TypeError(
        f"`{name}` must be a parameter of floating-point numbers. Got {x.dtype}. Pass a state dict: "
        "with dequantized weights if these are codes, and without them if these are indices."
    )


def check_gathered(model: nn.Module) -> None:
    """Requires that all weights are parameters, and that no wrapper keeps a part of them on each process."""
    for path, module in model.named_modules():
        if any(hasattr(module, name) for name in PACKED):
            raise_packed(path or "model", type(module).__name__)
        # By name, because it takes half a second to import. One of the handles is None in a wrapper without weights.
        if any(kind.__name__ == "FullyShardedDataParallel" for kind in type(module).__mro__):
            handle, state = getattr(module, "_handle", None), getattr(module, "training_state", None)
            if getattr(handle, "uses_sharded_strategy", False) and getattr(state, "name", "") != "SUMMON_FULL_PARAMS":
                raise TypeError(
                    f"`{path or 'model'}` must have whole parameters. Got a FullyShardedDataParallel, of which each "
                    "process holds a part. Measure on every process inside of "
                    "FullyShardedDataParallel.summon_full_params(model, writeback=False)."
                )


def raise_packed(name: str, kind: str) -> None:
    """Raises an error, because weights that are no parameters would be left out silently."""
    raise TypeError(
        f"`{name}` must have its weights as parameters. Got {kind} with quantized ones packed away. {DEQUANTIZED}"
    )


def how_to_load(model: nn.Module) -> str:
    """The remedy if a model's weights are not loaded; accelerate loads them only during a forward pass."""
    return OFFLOADED if any(hasattr(module, "_hf_hook") for module in model.modules()) else LOAD
