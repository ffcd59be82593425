"""Names as shown in pictures."""

from progress_measures._checks.values import escaped

_LONGEST = 200  # more letters than the width of a picture has room for


def as_text(name: str) -> str:
    r"""Escapes a name for matplotlib, which reads text between two dollar signs as mathematics.

    Characters that cannot be drawn, such as bytes of a file's name that are no letters, are shown as their codes. A
    name that is wider than any picture is cut.
    """
    return escaped(name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…").replace("$", r"\$")


def shortened(label: str, longest: int) -> str:
    """Leaves out the middle of a label that is too long, unless it has mathematics or codes."""
    if len(label) <= longest or "$" in label or "\\" in label:
        return label
    half = max(longest - 1, 2) // 2
    return f"{label[:half]}…{label[-half:]}"
