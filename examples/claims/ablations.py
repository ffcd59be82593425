"""The table of ``examples/04_ablations.py``."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from examples.claims import Row


def rows(
    losses: Mapping[str, float],
    keys: Sequence[int],
    directions: int,
    from_neurons: Mapping[int, float],
    from_logits: Tensor,
    from_logits_train: Tensor,
) -> list[Row]:
    """``losses`` by what was replaced; the others are losses without each frequency."""
    base = losses["nothing"]

    def change(replaced: str) -> str:
        """A loss, and how it compares with that of the whole model."""
        return f"{losses[replaced]:.2e}, {losses[replaced] / base - 1:+.1%}"

    neurons = f"{min(from_neurons.values()):.1e} to {max(from_neurons.values()):.1e}"
    at_logits = [float(from_logits_train[k - 1]) for k in keys]
    in_training = f"{min(at_logits):.1e} to {max(at_logits):.1e}"
    elsewhere = max(float(loss) for k, loss in enumerate(from_logits, start=1) if k not in keys)
    return [
        ("loss of the whole model, all pairs", "2.41e-07", f"{base:.2e}"),
        ("neurons of clusters replaced by polynomials", "2.48e-07, +3%", change("polynomials")),
        ("logits: only the waves of a + b", "5.54e-08, -77%", change("sum")),
        (f"logits: only the {8 * len(keys)} key components (paper: 40)", "7.24e-08, -70%", change("products")),
        (f"neurons: only the {directions} directions of W_L (paper: 10)", "1.19e-07, -50%", change("directions")),
        ("the same, but the neurons' mean is kept", "not given", change("directions, mean kept")),
        ("neurons: all but those directions", "5.27", f"{losses['null space']:.2f}"),
        ("the same, without the MLP's skip connection", "not given", f"{losses['null space, no skip']:.2f}"),
        ("attention replaced by a line in the scores", "2.12e-07, -12%", change("linear attention")),
        ("no attention from = to =", "no change", change("no attention to =")),
        ("one key frequency removed, neurons", "2.0e-04 to 2.4e-02", neurons),
        ("one key frequency removed, logits, training pairs", "2.8e-04 to 7.2e-02", in_training),
        ("any other frequency removed, logits", "no harm", f"at most {elsewhere:.2e}"),
        ("no skip connection around the MLP", "9.12e-07, +278%", change("no MLP skip")),
        ("the same, replaced by its mean", "7.25e-07, +201%", change("mean MLP skip")),
        ("no attention heads", "24.3", f"{losses['no heads']:.1f}"),
        ("no skip connection around attention", "19.1", f"{losses['no attention skip']:.2f}"),
    ]
