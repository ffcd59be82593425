"""Which public names are measures: functions of logits, weights, activations or curves that give numbers of them."""

import progress_measures as pm

ROOMS = {
    "circuits", "concentration", "controls", "filtering", "fits", "frequencies", "losses", "measures", "norms",
    "phases", "sparsity", "spectra",
}  # fmt: skip
MEASURES = {name for name in pm.__all__ if name[0].islower() and getattr(pm, name).__module__.split(".")[1] in ROOMS}
