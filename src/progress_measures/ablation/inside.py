"""The outputs of all heads inside ``nn.MultiheadAttention``, which no module hook sees.

``nn.MultiheadAttention`` never calls its ``out_proj``, so a hook there does not run. It passes the weights of
``out_proj`` to one function of PyTorch. Called with the identity instead of these weights, the function returns the
heads' outputs next to each other. The weights are then applied to the replaced outputs.
"""

import inspect
from collections.abc import Callable
from threading import Event, get_ident
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, multi_head_attention_forward
from torch.overrides import TorchFunctionMode

from progress_measures.ablation.sites import Key, Site, Visit, check_not_nested, not_compiled

SIGNATURE = inspect.signature(multi_head_attention_forward)
OUT_PROJ = "out_proj"


def attention_around(model: nn.Module, key: Key) -> nn.MultiheadAttention | None:
    """The attention module whose ``out_proj`` has its input at this site; None for all other sites."""
    if not isinstance(key, Site) or key.of != "input":
        return None
    parent, _, name = key.path.rpartition(".")
    module = model.get_submodule(parent)
    return module if name == OUT_PROJ and isinstance(module, nn.MultiheadAttention) else None


class InsideOfAttention:
    """Hooks that call ``visit`` with the outputs of an attention's heads and replace these by the result.

    The outputs are next to each other in the last axis; the other axes are in the order of the module's inputs. A
    subclass that calls ``out_proj`` as a module does not trigger these hooks.
    """

    def __init__(self, attention: nn.MultiheadAttention, key: Key, visit: Visit, closed: Event) -> None:
        self._under_way: dict[int, list[TorchFunctionMode]] = {}
        under_way = self._under_way

        # Functions, because copying a model copies its hooks, and a copy of a function is the function itself.
        def begin(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if closed.is_set():
                return
            for value in (*args, *kwargs.values()):
                check_not_nested(value, key)
            mode = _BeforeOutProj(module, visit, closed)
            mode.__enter__()  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped
            under_way.setdefault(get_ident(), []).append(mode)

        def end(_module: nn.Module, _args: Any, _output: Any) -> None:
            if modes := under_way.get(get_ident()):
                modes.pop().__exit__(None, None, None)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped

        self._handles = [
            attention.register_forward_pre_hook(not_compiled(begin), with_kwargs=True),
            attention.register_forward_hook(not_compiled(end), always_call=True),
        ]

    def remove(self) -> None:
        """Removes the hooks, and the modes of calls that ended in Ctrl-C, after which PyTorch calls no hook."""
        for handle in self._handles:
            handle.remove()
        for mode in reversed(self._under_way.pop(get_ident(), [])):
            mode.__exit__(None, None, None)  # type: ignore[no-untyped-call]  # PyTorch leaves it untyped


def _within(attention: nn.Module) -> list[nn.MultiheadAttention]:
    """The attentions inside of an attention of a class of one's own, which may call them."""
    all_of_it = (module for module in attention.modules() if module is not attention)
    return [module for module in all_of_it if isinstance(module, nn.MultiheadAttention)]


class _BeforeOutProj(TorchFunctionMode):
    """Calls ``visit`` between the attention of the heads and ``out_proj``."""

    def __init__(self, attention: nn.Module, visit: Visit, closed: Event) -> None:
        super().__init__()
        self._visit, self._closed, self._batch_first = visit, closed, bool(attention.batch_first)
        self._within = _within(attention)

    def __torch_function__(
        self, function: Callable[..., Any], _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if function is not multi_head_attention_forward or self._closed.is_set():
            return function(*args, **(kwargs or {}))
        given = SIGNATURE.bind(*args, **(kwargs or {}))
        weight, bias = given.arguments["out_proj_weight"], given.arguments["out_proj_bias"]
        if any(weight is other.out_proj.weight for other in self._within):
            return function(*args, **(kwargs or {}))
        identity = torch.eye(len(weight), dtype=weight.dtype, device=weight.device)
        given.arguments |= {"out_proj_weight": identity, "out_proj_bias": None}
        heads, pattern = function(*given.args, **given.kwargs)
        return linear(self._replaced(heads), weight, bias), pattern

    def _replaced(self, heads: Tensor) -> Tensor:
        turned = self._batch_first and heads.ndim == 3  # PyTorch's function has positions first
        new = self._visit(heads.transpose(0, 1) if turned else heads, 0)
        if new is None:
            return heads
        return new.transpose(0, 1) if turned else new
