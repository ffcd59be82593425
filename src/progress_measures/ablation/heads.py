"""Attention heads by name, as sites for ``ablated`` and ``captured``."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from progress_measures._checks.values import check_integer, check_model, shape_of, type_name
from progress_measures.ablation.sites import Site

WRAPPED = "_original_component"  # in TransformerBridge, which has the same modules at paths of its own too


@dataclass(frozen=True, repr=False)
class Head(Site):
    """The output of one attention head, a part of the tensor at a site.

    Pass it to :func:`ablated` or :func:`captured` like any other site. :func:`heads` finds the heads of common models;
    for other models, make heads yourself.

    Args:
        path: The dotted path of a submodule, as in ``model.named_modules()``.
        of: Whether the tensor is in the output of the submodule or among its inputs.
        items: As for :class:`Site`.
        head: The number of the head, from 0.
        width: The number of features of a head, if heads are next to each other in the last axis. If None, heads have
            an axis of their own, the last but one.

    Raises:
        TypeError: If an argument is of the wrong kind.
        ValueError: If ``of`` is not one of the choices, ``head`` is negative, or ``width`` less than 1. Inside of a
            context, if the tensor has no such head, or ``width`` does not divide its features.

    Example:
        >>> pm.ablation.Head("h.0.attn.c_proj", "input", head=2, width=64)
        head 2 of input_of('h.0.attn.c_proj')
    """

    head: int = 0
    width: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "head", check_integer(self.head, "head", at_least=0))
        if self.width is not None:
            object.__setattr__(self, "width", check_integer(self.width, "width", at_least=1))

    @property
    def index(self) -> tuple[Any, ...]:
        """The index of the head's part in the tensor."""
        if self.width is None:
            return (..., self.head, slice(None))
        return (..., slice(self.head * self.width, (self.head + 1) * self.width))

    def __repr__(self) -> str:
        return f"head {self.head} of {super().__repr__()}"


def check_fits(head: Head, activation: Tensor) -> None:
    """Requires a tensor that is made of heads, the one in question among them."""
    sizes, site = activation.shape, Site.__repr__(head)
    if head.width is not None and (not sizes or sizes[-1] % head.width):
        raise ValueError(
            f"`width` must divide the features of {site}. Got {head.width} for shape {shape_of(activation)}."
        )
    count = sizes[-1] // head.width if head.width is not None else sizes[-2] if len(sizes) > 1 else 0
    if head.head >= count:
        raise ValueError(
            f"`head` must be below the number of heads of {site} ({count}). Got {head.head} for "
            f"shape {shape_of(activation)}."
        )


def heads(model: nn.Module) -> dict[str, Head]:
    """Every attention head in a model, by a name such as ``"layer 0 head 2"``.

    Each head is the site of its output before W_O: its values, weighted by its attention pattern. The shape is
    ``(batch, position, d_head)``, or has the axes of the module's inputs. The output includes the bias of the values,
    because the weights of a pattern sum to 1. The bias of W_O belongs to no head and stays. With
    :func:`zero_ablation`, the model computes as if the rows of W_O that read this head were zero.

    These models are supported:

    - ``nn.MultiheadAttention``, also inside ``nn.TransformerEncoder``, ``nn.TransformerDecoder`` and their layers
    - GPT-2 in Hugging Face's transformers
    - TransformerLens' ``HookedTransformer`` and ``TransformerBridge``

    For other models, make each :class:`Head` yourself.

    Args:
        model: The model.

    Returns:
        The heads by name, in the order of ``model.named_modules()``. Layers are numbered from 0 in that order. If a
        layer has several attentions, as in a decoder, the name says which: ``"layer 0 self_attn head 2"``.

    Raises:
        TypeError: If ``model`` is not a module.
        ValueError: If it has no attention of these kinds, or one in which heads are not of one width.

    See Also:
        :func:`ablation_effects`: to ablate all heads, one at a time.
        :func:`previous_token_score`: to score what heads attend to.

    References:
        Michel et al. (2019), "Are sixteen heads really better than one?", for the ablation of one head at a time.

    Example:
        >>> model = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
        >>> heads = pm.ablation.heads(model)
        >>> heads
        {'layer 0 head 0': head 0 of input_of('self_attn.out_proj'),
         'layer 0 head 1': head 1 of input_of('self_attn.out_proj')}
        >>> with pm.captured(model, heads["layer 0 head 1"]) as activations:
        ...     output = model(torch.randn(5, 3, 8))
        >>> activations[heads["layer 0 head 1"]].shape
        torch.Size([5, 3, 4])
    """
    found = dict(_attentions(check_model(model)))
    if not found:
        raise ValueError(
            "`model` must have attention whose heads are known: nn.MultiheadAttention, as in nn.TransformerEncoder, "
            f"GPT-2 of transformers, or TransformerLens. Got {type_name(model)} with none. Name a head of another "
            'model by the layer that reads all of them: pm.ablation.Head(path, "input", head=2, width=64).'
        )
    blocks = {path: _block(path) for path in found}
    layers = {block: number for number, block in enumerate(dict.fromkeys(blocks.values()))}
    together = [*blocks.values()]
    named: dict[str, Head] = {}
    for path, of_attention in found.items():
        name = path.rpartition(".")[2]
        which = f" {name}" if name and together.count(blocks[path]) > 1 else ""
        named |= {f"layer {layers[blocks[path]]}{which} head {head.head}": head for head in of_attention}
    return named


def _attentions(model: nn.Module) -> Iterator[tuple[str, list[Head]]]:
    """The path of each attention module and its heads, each module once."""
    seen = set[int]()
    for path, module in model.named_modules(remove_duplicate=False):
        if id(module) in seen or WRAPPED in path.split("."):
            continue
        seen.add(id(module))
        of_attention = _heads_of(path, module)
        if of_attention:
            yield path, of_attention


def _heads_of(path: str, module: Any) -> list[Head]:
    """The heads of an attention module; none for other modules."""
    inside = f"{path}." if path else ""
    kinds = {kind.__name__: kind.__module__.partition(".")[0] for kind in type(module).__mro__}
    if isinstance(module, nn.MultiheadAttention):
        return _all(module.num_heads, module.head_dim, f"{inside}out_proj", "input")
    if kinds.get("GPT2Attention") == "transformers":
        return _all(module.num_heads, module.head_dim, f"{inside}c_proj", "input")
    if kinds.get("AbstractAttention") == "transformer_lens":
        return _all(module.cfg.n_heads, None, f"{inside}hook_z", "output")
    if kinds.get("AttentionBridge") == "transformer_lens" and hasattr(module, "o"):
        return _all(*_bridged(module, path), f"{inside}o.hook_in", "output")
    return []


def _bridged(attention: Any, path: str) -> tuple[int, int]:
    """How many heads an attention of TransformerBridge has, and how wide their outputs are.

    Its configuration has one number for all layers, which may differ; and one for queries and values, which may, too.
    """
    original, read = (getattr(module, "original_component", None) for module in (attention, attention.o))
    widths = (getattr(original, name, None) for name in ("v_head_dim", "head_dim", "head_size"))
    width = next((each for each in widths if isinstance(each, int)), attention.config.d_head)
    weight = getattr(read, "weight", None)
    if not isinstance(weight, Tensor) or weight.ndim != 2:
        return attention.config.n_heads, width
    features = getattr(read, "in_features", weight.shape[0])  # the Conv1D of GPT-2 has them first
    if features % width:
        raise ValueError(
            f"`model` must have heads of one width in each layer. Got {features} features at {path!r}, whose heads are "
            f"{width} wide. Name each head yourself: pm.ablation.Head({path + '.o.hook_in'!r}, head=2, width=64)."
        )
    return features // width, width


def _all(count: int, width: int | None, path: str, of: Any) -> list[Head]:
    return [Head(path, of, (), head, width) for head in range(count)]


def _block(path: str) -> str:
    """The path of the layer that contains an attention module: its parent, unless the parent is a list."""
    around, _, name = path.rpartition(".")
    return path if name.isdigit() else around
