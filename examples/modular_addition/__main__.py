"""Measure the bundled checkpoints and draw the three phases of grokking: ``python -m examples.modular_addition``."""

import argparse
import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from tqdm import tqdm

import progress_measures as pm
from examples.command import Parser, say
from examples.files import write_picture, write_text
from examples.modular_addition.analysis import Analysis, analyse
from examples.modular_addition.bundled import MAINLINE
from examples.modular_addition.figures import FIGURES

COLUMNS = {
    "train_loss": "train",
    "test_loss": "test",
    "restricted_loss": "restricted",
    "excluded_loss": "excluded",
    "test_accuracy": "test acc",
    "gini_W_E": "Gini W_E",
    "gini_W_L": "Gini W_L",
    "sum_squared_weights": "sum w²",
}
NONE = "none, so restricted and excluded loss say nothing about a circuit"
NAMES = ("memorization", "circuit formation", "cleanup", "stable")


def main(arguments: list[str] | None = None) -> None:
    """Measures a run, prints its table and its phases, and writes its pictures and numbers."""
    parser = Parser(
        prog="python -m examples.modular_addition",
        description="Measure every checkpoint of a run, find its key frequencies and the ends of its phases, and write "
        "pictures (PNG) and numbers (CSV, NPZ).",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--output", type=Path, default=Path("out"), help="folder for pictures and numbers")
    parser.add_argument(
        "--run",
        type=Path,
        default=argparse.SUPPRESS,
        help="folder of a run from examples.modular_addition.train (default: the bundled mainline)",
    )
    options = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", message="`frequencies` are none")  # the report says it once
    mpl.use("agg")  # pictures go to files and need no screen
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        run = analyse(getattr(options, "run", MAINLINE))
        report = "\n\n".join([table(run.trajectory, run.phases), findings(run)])
        written = write(run, report, options.output)
        say(f"\n{report}\n\n{written}")
    except (OSError, ValueError) as error:
        message = " ".join([str(error), *getattr(error, "__notes__", [])])
        parser.exit(2, f"{parser.prog}: error: {message}\n")


def table(trajectory: pm.Trajectory, phases: pm.Phases) -> str:
    """One line per checkpoint: its losses in nats, other measures, and its phase."""
    heading = f"{'step':>6}" + "".join(f"{label:>12}" for label in COLUMNS.values()) + "  phase"
    lines = [heading, "-" * len(heading)]
    for index, step in enumerate(trajectory.steps.tolist()):
        numbers = "".join(f"{float(trajectory[name][index]):>12.3g}" for name in COLUMNS)
        lines.append(f"{step:>6}{numbers}  {phase_at(step, phases)}")
    return "\n".join(lines)


def phase_at(step: int, phases: pm.Phases) -> str:
    """The phase of a step: the first that ends at the step or later, otherwise the one after the last that ended."""
    after_last = 0
    for index, end in enumerate(vars(phases).values()):
        if end is not None and step <= end:
            return NAMES[index]
        if end is not None:
            after_last = index + 1
    return NAMES[after_last]


def findings(run: Analysis) -> str:
    """The results in words."""
    final, phases = run.final, run.phases

    def ends(step: int | None) -> str:
        return "not reached in this run" if step is None else f"step {step}"

    return "\n".join(
        [
            f"key frequencies of W_L:        {', '.join(map(str, final.key_frequencies)) or NONE}",
            f"key frequencies of the logits: {', '.join(map(str, final.logit_key_frequencies)) or 'none'}",
            f"logits' variance in the key frequencies of a∘b: {final.logit_share_in_key:.1%}",
            f"neurons alive: {int(final.alive.sum())} of {len(final.alive)}, "
            f"{final.single_frequency_share:.1%} of them with over 85 % of their variance in one frequency",
            f"memorization ends:      {ends(phases.memorization_end)}",
            f"circuit formation ends: {ends(phases.circuit_formation_end)}",
            f"cleanup ends:           {ends(phases.cleanup_end)}",
        ]
    )


def write(run: Analysis, report: str, folder: Path) -> str:
    """Writes the pictures, the numbers and the report, and returns a sentence that names the files."""
    figures = {name: draw for name, draw in FIGURES.items() if run.op.cyclic or name != "logit_components"}
    for name, draw in tqdm(figures.items(), desc="pictures"):
        figure = draw(run)
        try:
            write_picture(folder / f"{name}.png", figure)
        finally:
            plt.close(figure)
    run.trajectory.to_csv(folder / "trajectory.csv")
    run.trajectory.save(folder / "trajectory.npz")
    write_text(folder / "report.txt", report + "\n")
    pictures = ", ".join(f"{name}.png" for name in figures)
    return f"Wrote {pictures}, trajectory.csv, trajectory.npz and report.txt to {folder}."


if __name__ == "__main__":
    main()
