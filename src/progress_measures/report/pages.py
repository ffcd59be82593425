"""A run, or several, as one page of HTML."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bokeh.embed import components
from bokeh.resources import Resources

from progress_measures._checks.values import check_integer, listed
from progress_measures.phases.boundaries import Phases
from progress_measures.phases.milestones import Milestones
from progress_measures.phases.names import KNOWN, without_prefix
from progress_measures.plotting.marks import spans
from progress_measures.plotting.scales import check_x
from progress_measures.report.columns import chosen
from progress_measures.report.curves import Part, curves
from progress_measures.report.figures import Frame, Scale
from progress_measures.report.frequencies import frequencies
from progress_measures.report.meanings import meanings
from progress_measures.report.tables import events_table, numbers_table
from progress_measures.report.words import as_html, paragraph
from progress_measures.trajectory.runs import Runs
from progress_measures.trajectory.trajectory import Trajectory

# The page may not load anything from elsewhere, whatever the names in it say.
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
_STYLE = """
:root { color-scheme: only light; }  /* a browser that darkens pages would leave the figures bright */
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; }
body { max-width: 1100px; margin: 0 auto; padding: 16px; }
h1, h2, h3, h4, p, li, dt, dd { overflow-wrap: anywhere; }
h2 { border-top: 1px solid #ccc; margin-top: 2em; padding-top: 0.6em; }
h3 { margin-bottom: 0.3em; }
h4 { margin: 1em 0 0.3em; font-weight: 600; font-size: 14px; }
dt { font-weight: 600; }
dd { margin: 0 0 0.5em 1em; }
.note { color: #555; }
.warning { border-left: 3px solid #d9822b; padding: 2px 0 2px 10px; }
.key span { display: inline-block; padding: 1px 8px; margin: 0 6px 4px 0; border: 1px solid #ccc; color: #222; }
.wide { overflow: auto; border: 1px solid #ddd; }
.numbers { max-height: 26em; }
table { border-collapse: collapse; }
caption { text-align: left; }
th, td { padding: 3px 10px; border-bottom: 1px solid #eee; text-align: left; font-weight: normal; vertical-align: top; }
.events th { white-space: nowrap; }
@media (max-width: 700px) { h1 { font-size: 22px; } }
@media (max-width: 700px) { .events th, .events td { padding: 3px 5px; font-size: 13px; white-space: normal; } }
.numbers th, .numbers td { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.numbers thead th { position: sticky; top: 0; background: #f5f5f5; }
"""


def html_page(
    runs: Mapping[str, Trajectory],
    *,
    phases: Mapping[str, Phases] | None = None,
    milestones: Mapping[str, Milestones] | None = None,
    title: str | None = None,
    source: str = "",
    x: Scale = "linear",
    columns: Iterable[str] | None = None,
    answers: int | None = None,
    notes: Mapping[str | None, Iterable[str]] | None = None,
) -> str:
    """One HTML page about one or several runs, which needs no other file and no network.

    Each run has a section on the page with

    - the milestones and the ends of the phases, each with the interval of recorded steps around it, or why there is
      none;
    - losses, accuracies and other columns of one number per step as curves, on a logarithmic and a linear scale. Other
      columns share a figure if their numbers are of similar size;
    - columns of one number per frequency as a heat map and as lines over the steps, and as bars at the last step; if
      there is a single step, as bars only;
    - a table of the columns of one number per step.

    Columns of a callback, such as ``train/recorder/test_loss``, are shown without its prefix. Key frequencies are
    coloured. They are the recorded ones, in the column ``key_frequencies``; or else those that stand out in the column
    ``logit_power`` at the end. If neither is known, the five with the largest numbers at the end are coloured. The page
    ends with a line on what each of the library's measures means.

    Figures can be zoomed, show values under the pointer, and hide a curve if you click on its name. Parts for which a
    run has no data are left out, and the page says why. In very long runs, steps are left out evenly, and the page says
    so.

    Args:
        runs: The runs by name, such as ``pm.Runs.read(path)``.
        phases: The results of :func:`find_phases` by the name of their run. Runs without an entry show no phases.
        milestones: The results of :func:`milestones` by the name of their run. Runs without an entry show none.
        title: The title of the page; if None, the names of the runs.
        source: The origin of the runs, such as the name of a file, for the head of the page.
        x: The scale of the axes of steps. A logarithmic one has no place for step 0.
        columns: The columns to show, with or without the prefix of a callback; all if None. Each run shows those that
            it has.
        answers: The number of answers, to draw chance, the loss ln(answers) of a guess, as a dashed line. No line if
            None.
        notes: What a reader should know about the runs, such as warnings: by the name of the run, or under None for the
            head of the page.

    Returns:
        The page. Write it to a file as UTF-8.

    Raises:
        KeyError: If no run has one of the ``columns``.
        TypeError: If ``runs`` is not a mapping from names to trajectories, or ``answers`` is not an integer.
        ValueError: If there is no run, if phases, milestones or notes belong to none of the runs, if there is no such
            scale, or if ``answers`` is less than 2.

    See Also:
        :func:`summary`: one line per run, as text.
        :func:`~progress_measures.plotting.plot_curves`: a picture for a paper.

    Example:
        >>> from progress_measures import report
        >>> run = pm.Trajectory([0, 100], {"test_loss": [4.7, 0.1]})
        >>> page = report.html_page({"seed 0": run}, source="seed0.npz")
        >>> "<h1>seed 0</h1>" in page, "https://" in page.split("<script")[0]
        (True, False)
    """
    check_x(x)
    chance = None if answers is None else math.log(check_integer(answers, "answers", at_least=2))
    shown = runs if isinstance(runs, Runs) else Runs(runs)
    _check_of_runs(phases, "phases", shown)
    _check_of_runs(milestones, "milestones", shown)
    _check_of_runs([run for run in notes or () if run is not None], "notes", shown)
    drawn = {name: without_prefix(run) for name, run in shown.items()}
    if columns is not None:
        drawn = chosen(drawn, [*columns])
    head = as_html(listed(shown, most=6) if title is None else title)
    parts: list[Part] = [f"<h1>{head}</h1>"]
    if source:
        parts.append(paragraph(f"Source: {source}"))
    parts += [paragraph(note) for note in (notes or {}).get(None, ())]
    if len(shown) > 1:
        links = "".join(f'<li><a href="#run{place}">{as_html(name)}</a></li>' for place, name in enumerate(shown))
        parts.append(f"<ul>{links}</ul>")
    for place, (name, (run, prefixes)) in enumerate(drawn.items()):
        if len(shown) > 1 or title is not None:
            parts.append(f'<h2 id="run{place}">{as_html(name)}</h2>')
        asked = phases is not None or milestones is not None
        frame = Frame((phases or {}).get(name), (milestones or {}).get(name), x, chance)
        parts += _section(run, frame, asked, prefixes, [*(notes or {}).get(name, ())])
    return _page(head, [*parts, *meanings(column for run, _ in drawn.values() for column in run.columns)])


def _check_of_runs(results: Iterable[str] | None, name: str, runs: Runs) -> None:
    """Requires that each result belongs to a run on the page."""
    for run in results or ():
        if run not in runs:
            raise ValueError(f"`{name}` must be by the name of a run. Got {run!r}. The runs are {listed(runs)}.")


def _section(run: Trajectory, frame: Frame, asked: bool, prefixes: list[str], notes: list[str]) -> list[Part]:
    """The section of one run; ``asked`` is whether milestones or phases of any run were looked for."""
    span = f"{run.step_name.capitalize()} {int(run.steps[0])} to {int(run.steps[-1])}, {len(run)} recorded."
    parts: list[Part] = [paragraph(span, "span"), "<h3>Milestones and phases</h3>"]
    results = [result for result in (frame.milestones, frame.phases) if result is not None]
    if results:
        parts.append(events_table(results))
    elif asked:
        parts.append(paragraph(f"Left out: none were found. They are told by {', '.join(KNOWN[:-1])} and {KNOWN[-1]}."))
    else:
        parts.append(paragraph("Left out: they need the number of answers, which the option --answers gives."))
    parts += [paragraph(note, "warning") for note in notes]
    if frame.phases is not None:
        parts.append(_key(run, frame.phases))
        if not all(event.settled for result in results for event in result.events.values()):
            parts.append(paragraph("Dashed upright lines are not settled: more training may move them."))
    parts += [paragraph(f"The columns {prefix}… are shown without {prefix}.") for prefix in prefixes]
    drawn, above = run, run.steps > 0
    if frame.x == "log" and not above.any():
        frame = replace(frame, x="linear")
    elif frame.x == "log" and not above.all():
        columns = {name: values[above] for name, values in run.columns.items()}
        drawn = Trajectory(run.steps[above], columns, step_name=run.step_name)
        parts.append(paragraph("Step 0 has no place on the logarithmic axis of steps, and is left out of the figures."))
    return [*parts, *curves(drawn, frame), *frequencies(drawn, frame), *numbers_table(run)]


def _key(run: Trajectory, phases: Phases) -> str:
    """The explanation of the shades behind the curves."""
    shades = spans(phases, start=int(run.steps[0]), end=int(run.steps[-1]))
    chips = "".join(f'<span style="background: {colour}">{as_html(name)}</span>' for _, _, name, colour in shades)
    return f'<p class="key">{chips}</p>' if chips else paragraph("No phase is shaded, because no end of one is known.")


def _page(title: str, parts: list[Part]) -> str:
    """The page with parts of HTML and figures, in their order."""
    figures = [part for part in parts if not isinstance(part, str)]
    script, places = components(figures) if figures else ("", ())
    left = iter(places)
    body = "\n".join(part if isinstance(part, str) else next(left) for part in parts)
    library = Resources(mode="inline", components=["bokeh"]).render() if figures else ""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}</style>
{library}
</head>
<body>
{body}
{script}
</body>
</html>
"""
