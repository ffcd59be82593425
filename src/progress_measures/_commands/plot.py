"""The command ``plot``."""

import argparse
import io

from progress_measures._checks.values import escaped
from progress_measures._commands.names import with_names
from progress_measures._commands.phases import found
from progress_measures._commands.runs import check_output, runs_of
from progress_measures._files import atomic_write
from progress_measures.phases.names import spellings
from progress_measures.trajectory.runs import Runs

MOST_COLUMNS = 100  # to draw by default: the legend of more would leave no room for the curves
LONGEST = 60  # letters of a title that fit into the width of a picture


def plot(options: argparse.Namespace) -> str:
    """Writes a picture, and returns a line about its content."""
    check_output(options)
    # Imported only here, because other commands do not need matplotlib. If it is missing, `plotting` says so.
    from progress_measures import plotting  # isort: split
    from progress_measures.plotting._text import as_text, shortened  # isort: split
    from matplotlib.backends.backend_pgf import LatexError
    from matplotlib.figure import Figure

    runs = runs_of(options)
    if options.columns:
        runs = with_names(runs, options.columns)
    columns = options.columns or _columns(runs)
    figure = Figure(layout="constrained")
    axes = figure.subplots()  # without pyplot, which may look for a screen
    if len(runs) == 1:
        ((name, run),) = runs.items()
        reached, ends = (None, None) if options.answers is None else found(runs, options.answers)[name]
        plotting.plot_curves(
            run,
            columns,
            phases=ends,
            milestones=reached,
            scale=options.scale,
            x=options.x,
            ax=axes,
        ).set_title(shortened(as_text(name), LONGEST))
        shown = f"{len(run)} step{'s'[: len(run) != 1]} of {name}"
    elif options.answers is None:
        plotting.plot_runs(
            runs, columns, spread="each" if options.each else "std", scale=options.scale, x=options.x, ax=axes
        )
        shown = f"{len(runs)} runs, each as its own line" if options.each else (
            f"mean and standard deviation of {len(runs)} runs, at the {len(runs.steps)} steps that all of them have"
        )  # fmt: skip
    else:
        raise ValueError(
            f"argument --answers: shades the phases of one run. Got {len(runs)} runs. Name the file of one. "
            "If a file has several, save one in Python: pm.Runs.read(FILE)[NAME].save('one.npz')."
        )
    picture = io.BytesIO()  # in memory first, because some of matplotlib's writers fail twice on a full disk
    try:
        figure.savefig(picture, format=options.output.suffix.removeprefix(".") or "png", dpi=150)
    except (LatexError, RuntimeError) as error:  # of TeX, which writes .pgf
        raise ValueError(f"{options.output}: {error}") from error
    with atomic_write(options.output) as scratch_file:
        scratch_file.write_bytes(picture.getvalue())
    return escaped(f"Wrote {options.output}: {shown}.")


def _columns(runs: Runs) -> list[str]:
    """The losses among the columns of numbers that all runs have; if there are none, the accuracies; if none, all.

    The accuracies are drawn with the losses if test accuracy is among them and test loss is not: losses would then show
    nothing of how the network generalizes.
    """
    from progress_measures.plotting.lines import HIGHEST, LOWEST
    from progress_measures.plotting.scales import is_accuracy

    first, *_ = runs.values()
    numbers = [name for name in first.columns if all(name in run and run[name].ndim == 1 for run in runs.values())]
    numbers = [name for name in numbers if not name.endswith((LOWEST, HIGHEST)) or name[:-5] not in numbers]
    if not numbers:
        raise ValueError("no column of one number per step to draw: name some with --columns")
    losses = [name for name in numbers if "loss" in name.lower()]
    accuracies = [name for name in numbers if is_accuracy(name)]
    if losses and not spellings(losses, "test_loss") and spellings(accuracies, "test_accuracy"):
        losses += accuracies
    chosen = losses or accuracies or numbers
    if len(chosen) > MOST_COLUMNS:
        raise ValueError(f"{len(chosen):,} columns are too many for one picture: name some with --columns")
    return chosen
