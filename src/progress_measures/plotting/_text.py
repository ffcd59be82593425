"""Names as a picture shows them."""


def as_text(name: str) -> str:
    r"""Escapes a name for matplotlib, which reads what stands between two dollar signs as mathematics.

    A byte of a file's name that is no letter cannot be drawn, and is shown as its code.
    """
    return name.encode(errors="backslashreplace").decode().replace("$", r"\$")
