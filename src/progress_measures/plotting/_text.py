"""Names as shown in pictures."""

import re

from matplotlib.text import Text

from progress_measures._checks.values import escaped

_SMALLEST = 5.0  # letters, in points
_SPARE = 0.97  # letters are whole pixels wide, so that a text does not shrink as its letters do
_FEWEST = 5  # letters of a shortened label
_LONGEST = 200  # more letters than the width of a picture has room for


def as_text(name: str) -> str:
    r"""Escapes a name for matplotlib, which reads text between two dollar signs as mathematics.

    Characters that cannot be drawn, such as bytes of a file's name that are no letters, are shown as their codes. A
    name that is wider than any picture is cut.
    """
    return escaped(name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…").replace("$", r"\$")


def shortened(label: str, longest: int) -> str:
    """Leaves out the middle of a label that is too long, unless it has mathematics or codes."""
    letters = re.findall(r"\\\$|[^$\\]", label)  # a dollar sign outside mathematics is one letter
    if len(letters) <= longest or "".join(letters) != label:
        return label
    half = max(longest - 1, 2) // 2
    return f"{''.join(letters[:half])}…{''.join(letters[-half:])}"


def fit_height(label: Text, most: float) -> None:
    """Fits an upright label into a height in pixels: in smaller letters, and without mathematics shortened."""
    share = label.get_window_extent().height / most
    if share > 1:
        size = float(label.get_fontsize())
        label.set_fontsize(max(min(size, _SMALLEST), _SPARE * size / share))
        share = label.get_window_extent().height / most
    words, longest = label.get_text(), int(len(label.get_text()) / max(share, 1))
    while share > 1 and longest >= _FEWEST:  # letters are not equally wide
        label.set_text(shortened(words, longest))
        share, longest = label.get_window_extent().height / most, longest - 1
