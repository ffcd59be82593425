"""The tables of a page: milestones and phases, and the recorded numbers."""

from collections.abc import Iterable
from html import escape

from progress_measures._tables import number
from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones
from progress_measures.report.curves import Part
from progress_measures.report.figures import some_steps
from progress_measures.report.words import as_html, paragraph
from progress_measures.trajectory.trajectory import Trajectory

COUNTS = {
    "delay": "steps from memorized to generalized",
    "relapses": "times that the run stopped generalizing afterwards",
}
MOST_ROWS = 2000  # more make a page that is slow to open


def events_table(results: Iterable[Milestones | Phases]) -> str:
    """A line for each milestone and each end of a phase, with its step and interval, or why there is none.

    Delay and relapses are left out of a run that did not generalize.
    """
    events = [
        (name, event)
        for result in results
        for name, event in result.events.items()
        if not (name in COUNTS and (event.step is None or vars(result)["generalized"] is None))
    ]
    rows = "".join(
        f'<tr><th scope="row">{escape(name.replace("_end", "_ends").replace("_", " "))}</th>'
        f"<td>{as_html(str(event))}</td><td>{as_html(event.reason or COUNTS.get(name, ''))}</td></tr>"
        for name, event in events
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("", "step (interval)", "evidence"))
    return f'<div class="wide events"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'


def numbers_table(run: Trajectory) -> list[Part]:
    """A line for each recorded step with all columns of one number."""
    names = [name for name, values in run.columns.items() if values.ndim == 1]
    parts: list[Part] = ["<h3>Recorded numbers</h3>"]
    if not names:
        return [*parts, paragraph("Left out: no column has one number per step.")]
    shown = some_steps(len(run), MOST_ROWS).tolist()
    if len(shown) < len(run):
        parts.append(paragraph(f"Of {len(run):,} steps, {len(shown):,} are in the table, evenly chosen."))
    heads = "".join(f'<th scope="col">{as_html(name)}</th>' for name in (run.step_name, *names))
    columns = [run[name][shown].tolist() for name in names]
    rows = "".join(
        f'<tr><th scope="row">{step}</th>' + "".join(f"<td>{_cell(value)}</td>" for value in values) + "</tr>"
        for step, *values in zip(run.steps[shown].tolist(), *columns, strict=True)
    )
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return [*parts, f'<div class="wide numbers">{table}</div>']


def _cell(value: float) -> str:
    return "–" if value != value else number(value, 6)  # only nan differs from itself
