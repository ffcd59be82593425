"""A simulated second device: its tensors compute on the CPU, but cannot be combined with tensors of the CPU."""

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = torch.device("meta")  # what they say they are on
INDICES = (torch.ops.aten.index, torch.ops.aten.index_put, torch.ops.aten.index_put_, torch.ops.aten._index_put_impl_)


class Elsewhere(Tensor):
    """A tensor on the second device."""

    @staticmethod
    def __new__(cls, values):
        return Tensor._make_wrapper_subclass(
            cls, values.shape, strides=values.stride(), dtype=values.dtype, device=DEVICE
        )

    def __init__(self, values):
        self.values = values

    def __repr__(self):
        return f"Elsewhere({self.values})"

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), options=None):
        with SecondDevice():
            return function(*arguments, **(options or {}))


class SecondDevice(TorchDispatchMode):
    """A context with a second device, in which combining tensors of two devices is an error."""

    def __torch_dispatch__(self, function, types, arguments=(), options=None):
        options = dict(options or {})
        tensors = [x for x in tree_flatten((arguments, options))[0] if isinstance(x, Tensor)]
        there = [x for x in tensors if isinstance(x, Elsewhere)]
        asked = options.get("device")
        # Values there take indices from the CPU as well, but not the other way round.
        if there and not (function.overloadpacket in INDICES and isinstance(arguments[0], Elsewhere)):
            here = [x for x in tensors if not isinstance(x, Elsewhere) and x.ndim > 0]
            assert not here or function.overloadpacket is torch.ops.aten.copy_, f"{function} met tensors on two devices"
        if asked == DEVICE:
            options["device"] = torch.device("cpu")
        arguments, options = tree_map_only(Elsewhere, lambda x: x.values, (arguments, options))
        result = function(*arguments, **options)
        if function is torch.ops.aten._local_scalar_dense.default or not (there if asked is None else asked == DEVICE):
            return result
        if function._schema.is_mutable:
            return there[0]
        return tree_map_only(Tensor, Elsewhere, result)
