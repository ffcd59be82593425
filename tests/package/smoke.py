"""A user's first steps, in an environment with only the package from its wheel: no clone, no extra.

``.ci/package`` runs it in an empty folder.
"""

import importlib
import math
import subprocess
import sysconfig
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

import progress_measures as pm

SCRIPT = Path(sysconfig.get_path("scripts")) / "progress-measures"
RUN = pm.Trajectory(
    [0, 1000, 2000, 3000, 4000, 5000, 9000],
    {
        "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.01, 0.01],
        "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
    },
)


def what_is_imported_is_what_was_installed():
    home = Path(pm.__file__).parent
    assert home.parent == Path(sysconfig.get_path("purelib")), home
    assert version("progress_measures") == pm.__version__
    assert (home / "py.typed").is_file()
    assert [name for name in pm.__all__ if not hasattr(pm, name)] == []


def a_model_has_the_loss_that_is_known_in_closed_form():
    op, chance = pm.addition(23), math.log(23)
    model = torch.nn.Sequential(pm.circuits.Clock(op, {3: 4.0, 7: 6.0}))
    angles = [2 * math.pi * x / 23 for x in range(23)]
    loss = math.log(sum(math.exp(4 * math.cos(3 * x) + 6 * math.cos(7 * x) - 10) for x in angles))
    logits = pm.grid_logits(model, op)
    keys = pm.key_frequencies(pm.logit_spectrum(logits, op), op)
    assert keys == (3, 7)
    measures = pm.measure(logits, op, keys, train_mask=torch.ones(23, 23).tril() == 1)
    found = [measures.train_loss, measures.test_loss, measures.restricted_loss, measures.excluded_loss]
    assert all(math.isclose(*pair, rel_tol=1e-9) for pair in zip(found, [loss, loss, loss, chance], strict=True)), found
    with pm.ablated(model, "0", pm.zero_ablation()):
        assert math.isclose(pm.cross_entropy(pm.grid_logits(model, op), op), chance)


def the_command_reads_what_the_library_wrote():
    assert command("--help").stdout.startswith("usage: progress-measures ")
    RUN.to_csv("run.csv")
    phases = pm.find_phases(pm.Trajectory.from_csv("run.csv"), answers=113)
    ends = (phases.memorization_end, phases.circuit_formation_end, phases.cleanup_end)
    assert ends == (1000, 2734, 4500)
    printed = command("phases", "run.csv", "--answers", "113").stdout.splitlines()[-3:]
    heads = ("memorization", "circuit formation", "cleanup")
    starts = [f"{head} ends {end} " for head, end in zip(heads, ends, strict=True)]
    assert all(" ".join(line.split()).startswith(start) for line, start in zip(printed, starts, strict=True)), printed


def a_missing_extra_is_named_in_one_line():
    for module, needed, packages in [
        ("progress_measures.plotting", "matplotlib", "matplotlib"),
        ("progress_measures.report", "bokeh", "bokeh matplotlib"),
        ("progress_measures.callbacks.lightning", "lightning", "lightning"),
        ("progress_measures.callbacks.transformers", "transformers", "transformers accelerate"),
    ]:
        message = f"{module} needs {needed}: pip install {packages}"
        assert find_spec(needed) is None, f"{needed} is installed"
        assert error_of(lambda module=module: importlib.import_module(module)) == message
    assert error_of(RUN.__arrow_c_stream__) == "A frame of a trajectory needs pyarrow: pip install pyarrow"
    done = command("plot", "run.csv", "-o", "run.png", code=2)
    message = "progress_measures.plotting needs matplotlib: pip install matplotlib"
    assert done.stderr == f"progress-measures: error: {message}\n", done.stderr


def command(*arguments, code=0):
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done


def error_of(call):
    try:
        call()
    except ImportError as error:
        return str(error)
    raise AssertionError("nothing was missing")


if __name__ == "__main__":
    for step in (
        what_is_imported_is_what_was_installed,
        a_model_has_the_loss_that_is_known_in_closed_form,
        the_command_reads_what_the_library_wrote,
        a_missing_extra_is_named_in_one_line,
    ):
        step()
        print(f"smoke: {step.__name__.replace('_', ' ')}")
