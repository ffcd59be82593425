"""The HTML table of a trajectory that a notebook shows."""

from collections.abc import Mapping

from torch import Tensor

from progress_measures._tables import framed, number, text

ENDS = 5  # the number of first steps, and of last steps, that a table shows


def html(caption: str, steps: Tensor, columns: Mapping[str, Tensor]) -> str:
    """A table of the first and the last steps, one column per name; a vector shows its smallest and largest entry."""
    count = len(steps)
    shown = [*range(count)] if count <= 2 * ENDS + 1 else [*range(ENDS), None, *range(count - ENDS, count)]
    heads = "".join(f'<th scope="col">{text(name)}{_entries(values)}</th>' for name, values in columns.items())
    rows = "".join(_row(index, steps, columns) for index in shown)
    return framed(caption, f'<th scope="col">step</th>{heads}', rows)


def _entries(values: Tensor) -> str:
    return "" if values.ndim == 1 else f"<br><small>{values[0].numel()} entries</small>"


def _row(index: int | None, steps: Tensor, columns: Mapping[str, Tensor]) -> str:
    if index is None:
        return "<tr>" + "<td>⋮</td>" * (1 + len(columns)) + "</tr>"
    cells = "".join(f"<td>{number(values[index])}</td>" for values in columns.values())
    return f'<tr><th scope="row">{int(steps[index])}</th>{cells}</tr>'
