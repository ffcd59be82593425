"""The description of a measure, which a recording contains so that no other measure continues it.

A measure describes itself in an attribute ``about``: a mapping from words to text, numbers or lists, such as the
frequencies of :func:`grokking_measures`. A function without this attribute is identified only by its columns.
"""

import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

from progress_measures._checks.values import listed


def about_of(measures: object) -> dict[str, Any]:
    """The description of a measure, or of each in a mapping of measures, as it is read back from JSON."""
    if isinstance(measures, Mapping):
        each = {name: about_of(function) for name, function in measures.items()}
        return {name: about for name, about in each.items() if about}
    about = getattr(measures, "about", None)
    if not isinstance(about, Mapping):
        return {}
    try:
        read: dict[str, Any] = json.loads(json.dumps(dict(about)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"`measures.about` must be text, numbers, and lists of these by name. Got: {error}.") from error
    return read


def check_same_about(
    recorded: Mapping[str, Any], measured: Mapping[str, Any], name: str, path: str | os.PathLike[str]
) -> None:
    """Requires a measure with the description in the recording; warns if the measure has none."""
    if measured == recorded:
        return
    file = repr(os.fspath(path))
    if not measured:
        warnings.warn(
            f"{file} says what was measured ({listed(recorded)}), but `measures` do not say what they measure, so "
            "the two cannot be compared. Column names are compared once a step is measured. Pass the same measures as "
            "before, or another file.",
            RuntimeWarning,
            stacklevel=5,
        )
        return
    word = next(word for word in (*recorded, *measured) if recorded.get(word) != measured.get(word))
    raise ValueError(
        f"`{name}` must be a recording of the same measures. Got {file} with {_shown(word, recorded)}, where "
        f"`measures` have {_shown(word, measured)}. Pass another file."
    )


def _shown(word: str, about: Mapping[str, Any]) -> str:
    text = json.dumps(about[word]) if word in about else "none"
    return f"{word} {text if len(text) <= 100 else text[:100] + '…'}"
