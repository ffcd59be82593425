"""Names of a recorder's logged numbers, and a warning where a trainer logs the same names."""

import warnings
from collections.abc import Mapping, Set

from progress_measures._checks.values import listed


def prefixed(numbers: Mapping[str, float], prefix: str) -> dict[str, float]:
    """The numbers with the prefix before each name."""
    return {f"{prefix}{name}": value for name, value in numbers.items()}


def warn_of_clash(numbers: Mapping[str, float] | Set[str], others: Set[str], who: str) -> bool:
    """Warns if others log the same names, because their numbers would share a column; returns whether they do."""
    both = sorted(others & set(numbers))
    if both:
        names = listed(map(repr, both))
        text = f"`prefix` must make the recorder's names differ from those that {who} logs. Got {names} for both. "
        warnings.warn(f'{text}Pass prefix="recorder/".', RuntimeWarning, stacklevel=3)
    return bool(both)
