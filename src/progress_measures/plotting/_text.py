"""Names as a picture shows them."""

import re

from progress_measures._checks.values import escaped

_LONGEST = 200  # more than the width of a picture, which a longer name would leave no room for curves


def as_text(name: str) -> str:
    r"""Escapes a name for matplotlib, which reads what stands between two dollar signs as mathematics.

    What cannot be drawn, such as a byte of a file's name that is no letter, is shown as its code. A name that is wider
    than any picture is cut.
    """
    return escaped(name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…").replace("$", r"\$")


def shortened(label: str, longest: int) -> str:
    """Leaves out the middle of a label that is longer than it may be, unless it has mathematics or codes."""
    letters = re.findall(r"\\\$|[^$\\]", label)  # a dollar sign that is none of mathematics is one letter
    if len(letters) <= longest or "".join(letters) != label:
        return label
    half = max(longest - 1, 2) // 2
    return f"{''.join(letters[:half])}…{''.join(letters[-half:])}"
