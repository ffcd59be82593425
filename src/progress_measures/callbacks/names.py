"""The names under which a recorder's numbers are logged, beside those that a trainer logs by itself."""

import warnings
from collections.abc import Mapping, Set

from progress_measures._checks.values import listed


def prefixed(numbers: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The numbers with the prefix before each name."""
    return {f"{prefix}{name}": value for name, value in numbers.items()}


def warn_of_clash(numbers: Mapping[str, float] | Set[str], others: Set[str], who: str) -> bool:
    """Warns of names that are logged by others too, whose numbers would be in one column; returns whether there are."""
    both = sorted(others & set(numbers))
    if both:
        names = listed(map(repr, both))
        text = f"`prefix` must make the recorder's names differ from those that {who} logs. Got {names} for both. "
        warnings.warn(f'{text}Pass prefix="recorder/".', RuntimeWarning, stacklevel=3)
    return bool(both)
