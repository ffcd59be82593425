"""The HTML table of a trajectory that a notebook shows."""

from collections.abc import Mapping
from html import escape

from torch import Tensor

ENDS = 5  # how many of the first steps, and of the last, a table shows


def html(caption: str, steps: Tensor, columns: Mapping[str, Tensor]) -> str:
    """A table of the first and the last steps, one column per name; a vector shows its smallest and largest entry."""
    count = len(steps)
    shown = [*range(count)] if count <= 2 * ENDS + 1 else [*range(ENDS), None, *range(count - ENDS, count)]
    heads = "".join(f'<th scope="col">{escape(name)}{_entries(values)}</th>' for name, values in columns.items())
    rows = "".join(_row(index, steps, columns) for index in shown)
    return (
        '<div style="overflow-x: auto"><table>'
        f'<caption style="text-align: left">{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">step</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _entries(values: Tensor) -> str:
    return "" if values.ndim == 1 else f"<br><small>{values[0].numel()} entries</small>"


def _row(index: int | None, steps: Tensor, columns: Mapping[str, Tensor]) -> str:
    if index is None:
        return "<tr>" + "<td>⋮</td>" * (1 + len(columns)) + "</tr>"
    cells = "".join(f"<td>{_cell(values[index])}</td>" for values in columns.values())
    return f'<tr><th scope="row">{int(steps[index])}</th>{cells}</tr>'


def _cell(value: Tensor) -> str:
    if value.ndim == 0:
        return f"{float(value):.4g}"
    numbers = value[~value.isnan()]
    return f"{float(numbers.min()):.3g} … {float(numbers.max()):.3g}" if len(numbers) else "–"
