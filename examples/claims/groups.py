"""The table of ``examples/09_groups.py``."""

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

import progress_measures as pm
from examples.claims import Row
from examples.modular_addition.analysis import Final


def cycles_of_classes(classes: Tensor) -> list[str]:
    """The lengths of the cycles of the permutations in each class, such as 221, for permutations of five things."""
    numbers, permutations = classes.tolist(), [*itertools.permutations(range(5))]
    return [_cycles(permutations[numbers.index(k)]) for k in range(max(numbers) + 1)]


def _cycles(permutation: Sequence[int]) -> str:
    left, lengths = set(permutation), []
    while left:
        place, before = min(left), len(left)
        while place in left:
            left.remove(place)
            place = permutation[place]
        lengths.append(before - len(left))
    return "".join(map(str, sorted(lengths, reverse=True)))


def rows(
    names: Sequence[str],
    found: Final,
    logits: Tensor,
    op: pm.Operation,
    mask: Tensor,
    losses: Mapping[str, Tensor],
    best: Tensor,
) -> list[Row]:
    """``losses`` by what was kept or removed; ``best`` is each live neuron's representation, 0 if it has none."""
    keys = found.key_frequencies
    share = found.neuron_share[found.alive].max(1).values
    in_key = torch.isin(best[best > 0], torch.tensor(keys)).double().mean()
    centred = logits - logits.mean((0, 1))

    def explained(terms: str) -> float:
        """The share of the logits' variance in the key representations."""
        return float(pm.explained_variance(centred, pm.restrict(centred, op, keys, terms=terms)))

    def named(frequencies: Sequence[int]) -> str:
        """Representations by name."""
        return ", ".join(names[k - 1] for k in frequencies) or "none"

    sufficient = pm.sufficient_frequencies(logits, op)
    sign = names.index("sign") + 1
    whole = centred.double().square().sum()
    rest = centred - pm.restrict(centred, op, op.frequencies)

    def along(name: str) -> Tensor:
        """The power of the rest of the logits along the functions of c of one representation."""
        return (rest @ op.rows([names.index(name) + 1]).T).square().sum()

    others = [k for k in op.frequencies if k not in keys]
    characters = pm.restricted_loss(logits, op, keys, terms="aligned")
    return [
        ("key representations of W_L", "few, not always the same", named(keys)),
        ("key representations of the logits", "the same", named(found.logit_key_frequencies)),
        ("sufficient representations of the logits", "-", named(sufficient)),
        ("logits' variance explained by their characters", "95% to 98% (Z/113)", f"{explained('aligned'):.1%}"),
        ("logits' variance in products of their entries", "-", f"{explained('product'):.2%}"),
        ("logits' variance that is no function of a∘b", "-", f"{rest.square().sum() / whole:.2%}"),
        ("that part, read out in the standard one", "-", f"{along('standard') / whole:.2%}"),
        ("that part, read out in standard × sign", "-", f"{along('standard × sign') / whole:.4%}"),
        ("loss, training pairs", "-", f"{pm.cross_entropy(logits, op, mask=mask):.2g}"),
        ("loss, test pairs", "small", f"{pm.cross_entropy(logits, op, mask=~mask):.2g}"),
        ("restricted loss, all pairs", "small", f"{losses['restricted']:.2g}"),
        ("restricted loss, only the key characters", "small", f"{characters:.2g}"),
        ("restricted loss, all other representations", "-", f"{pm.restricted_loss(logits, op, others):.2g}"),
        ("restricted loss, only the sufficient ones", "-", f"{pm.restricted_loss(logits, op, sufficient):.2g}"),
        ("loss without the sign, training pairs", "-", f"{pm.excluded_loss(logits, op, [sign], mask=mask):.2g}"),
        ("excluded loss, training pairs", "large", f"{losses['excluded']:.2g}"),
        ("loss, neurons with only the key ones, all pairs", "small", f"{losses['neurons restricted']:.2g}"),
        ("loss, neurons without the key ones, training pairs", "large", f"{losses['neurons excluded']:.2g}"),
        ("neurons that are ever active", "-", f"{len(best)}"),
        ("neurons: most of the variance in one", "most", f"{(best > 0).double().mean():.0%}"),
        ("of those, in a key representation", "all", f"{in_key:.0%}"),
        ("neurons: variance in the best one, median", "-", f"{share.median():.0%}"),
    ]
