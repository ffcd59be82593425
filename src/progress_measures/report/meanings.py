"""What the library's measures mean, one line each, for readers of a page who do not know them."""

from collections.abc import Iterable

PAPER = "https://arxiv.org/abs/2301.05217"
_MEANINGS = {  # by how the names of columns begin
    "restricted_": (
        "Restricted loss and accuracy",
        "of the network with only the key frequencies left in its logits. Restricted loss falls as the general circuit "
        "forms, before test loss does.",
    ),
    "excluded_": (
        "Excluded loss and accuracy",
        "on training data, with the key frequencies removed from the logits. Excluded loss rises as the network comes "
        "to need the circuit for data that it had memorized.",
    ),
    "gini_": (
        "Gini coefficient",
        "of the power over frequencies: 0 if all have equal power, near 1 if a few have all of it.",
    ),
    "sum_squared_weights": (
        "Sum of squared weights",
        "of the whole model. With weight decay it falls during cleanup, while memorized data are forgotten.",
    ),
    "logit_power": (
        "Spectrum",
        "the power of each frequency. A network with a sparse circuit has most of it in a few key frequencies.",
    ),
    "spectrum_": (
        "Spectrum",
        "the power of each frequency. A network with a sparse circuit has most of it in a few key frequencies.",
    ),
}


def meanings(columns: Iterable[str]) -> list[str]:
    """A list of the measures among the columns, with a link to the paper; empty if there are none."""
    names = {*columns}
    found = {
        term: meaning for start, (term, meaning) in _MEANINGS.items() if any(name.startswith(start) for name in names)
    }
    if not found:
        return []
    terms = "".join(f"<dt>{term}</dt><dd>{meaning}</dd>" for term, meaning in found.items())
    link = f'<a href="{PAPER}" rel="noreferrer">Nanda et al. (2023)</a>'
    return [f'<h2 id="meanings">What these are</h2><dl>{terms}</dl><p class="note">These measures are from {link}.</p>']
