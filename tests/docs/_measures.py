"""Which public names are measures: functions of logits, weights, activations or curves that return numbers."""

from docs.public_names import PUBLIC

ROOMS = (
    "attention", "circuits.clock_or_pizza", "compression", "concentration", "curvature", "embeddings", "filtering",
    "fits", "frequencies", "gradients", "losses", "measures.checkpoint", "measures.controls", "norms", "phases",
    "sparsity", "spectra",
)  # fmt: skip
MEASURES = {
    name
    for name, value in PUBLIC.items()
    if name[0].islower() and value.__module__.removeprefix("progress_measures.").startswith(ROOMS)
}
