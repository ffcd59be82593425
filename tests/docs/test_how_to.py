"""Every answer of docs/how_to.md and docs/questions.md runs as it is shown, and comes out as it says."""

import contextlib
import io
import math
import re
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

import progress_measures as pm
from examples.modular_addition.bundled import RUNS
from progress_measures import plotting
from progress_measures.__main__ import main
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import marked_code, section

DOCS = Path(__file__).parents[2] / "docs"
HOW_TO = (DOCS / "how_to.md").read_text(encoding="utf-8")
QUESTIONS = (DOCS / "questions.md").read_text(encoding="utf-8")


def run(page):
    """The names that the code of a page leaves behind, and what it prints."""
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as output:
        for block in marked_code(page):
            if "IPython" in block and find_spec("IPython") is None:
                continue  # the site's build runs it
            exec(compile(block, "page", "exec"), names)
            plt.close("all")
    return names, output.getvalue()


@pytest.fixture(scope="module")
def tasks(tmp_path_factory):
    with contextlib.chdir(tmp_path_factory.mktemp("how_to")):
        yield run(HOW_TO)


def test_its_contents_are_its_headings():
    contents = re.findall(r"^- \[(.*)\]\(#", HOW_TO, flags=re.MULTILINE)
    assert contents == re.findall(r"^## (.*)$", HOW_TO, flags=re.MULTILINE)


def test_each_head_of_the_bundled_transformer_matters(tasks):
    names, printed = tasks
    assert str(names["effects"]) in printed
    whole = names["effects"].intact["test_loss"]
    assert all(loss > 1e5 * whole for loss in names["test_losses"].values())


def test_frequencies_emerge_where_it_says(tasks):
    names, _ = tasks
    assert f"print(emerged)  # {names['emerged']}" in HOW_TO
    assert {5, 42} <= set(names["keys"])


def test_the_seeds_are_all_in_the_table(tasks):
    names, printed = tasks
    assert str(pm.phases.summary(names["runs"], answers=113)) in printed
    assert len(names["runs"]) == 5


def test_the_log_has_its_milestones(tasks):
    names, _ = tasks
    assert 100 < names["milestones"].memorized < 200
    assert 2000 < names["milestones"].generalized < 3000
    log, shown = names["log"], f"```text\n{names['milestones']}\n```"
    assert shown in HOW_TO
    for answers in (2, 113, 1000):
        assert repr(pm.milestones(log, answers=answers)) in shown
    passed = pm.phases.onset(log, "test_accuracy", level=0.9)
    assert passed.interval == (2000, 3000)


def test_the_command_line_draws_the_picture_of_the_log(tasks, monkeypatch, capsys):
    names, _ = tasks
    commands = re.findall(r"^progress-measures (.*) metrics\.csv (.*)$", HOW_TO, flags=re.MULTILINE)
    assert [command for command, _ in commands] == ["phases", "plot"]
    drawn = []
    monkeypatch.setattr(plt.Figure, "savefig", lambda figure, *_, **__: drawn.append(figure.axes[0]))
    for command, options in commands:
        main([command, "metrics.csv", *options.split()])
    assert str(names["milestones"].events["generalized"]) in capsys.readouterr().out
    wanted = plotting.plot_curves(
        names["log"], ["train_accuracy", "test_accuracy"], milestones=names["milestones"], ax=Figure().subplots()
    )
    assert content(drawn[0]) == content(wanted)


def content(ax):
    """What a picture shows: its curves, its words above, and the names of its axes."""
    lines = {line.get_label(): line.get_xydata().tolist() for line in ax.lines}
    return lines, [text.get_text() for text in ax.texts], ax.get_xlabel(), ax.get_ylabel()


def test_checkpoints_are_tracked_and_can_be_resumed(tasks):
    names, _ = tasks
    assert names["tracked"].steps.tolist() == [step for step, _ in names["steps"]]
    assert len(names["steps"]) == 4
    assert pm.load_recording("tracked.jsonl").steps.tolist() == names["tracked"].steps.tolist()
    assert pm.Trajectory.from_csv("tracked.csv")["test_loss"].tolist() == names["tracked"]["test_loss"].tolist()


def test_a_measure_of_ones_own_is_recorded_next_to_the_usual_ones(tasks):
    names, _ = tasks
    assert set(names["own"].columns) - set(names["tracked"].columns) == {"largest_weight"}
    model = names["load"](names["paths"][-1])
    largest = max(float(weight.detach().abs().max()) for weight in model.parameters())
    assert names["own"]["largest_weight"][-1] == pytest.approx(largest)


@pytest.mark.skipif(find_spec("IPython") is None, reason="the answer on notebooks needs IPython")
def test_a_run_is_drawn_while_it_trains(tasks):
    names, _ = tasks
    assert names["recorder"].trajectory.steps.tolist() == [0, 100, 200, 300]
    assert names["recorder"].trajectory["train_loss"][-1] < 0.1 * names["recorder"].trajectory["train_loss"][0]
    assert [line.get_label() for line in names["ax"].lines] == ["train loss", "test loss"]


def test_the_questions_print_what_their_comments_say():
    names, printed = run(QUESTIONS)
    right, wrong, accuracies, keys, sufficient = printed.splitlines()
    assert "tensor(1.," in right
    assert "0.0076" in wrong
    assert accuracies.startswith("tensor(1.,")
    assert "0.041" in f"{float(pm.accuracy(names['early'], names['op'], mask=~names['train_mask'])):.3f}"
    assert (keys, sufficient) == ("()", "()")
    early = pm.restricted_loss(names["early"], names["op"], names["keys"])
    assert_has_numbers(section(QUESTIONS, "Why is restricted loss at chance?"), 1000, early, 113, math.log(113))
    mainline = pm.Trajectory.load(RUNS / "mainline" / "curves.npz")
    accuracy, loss = (mainline[name][mainline.steps == 4600].item() for name in ("test_accuracy", "test_loss"))
    heading = "How can a loss be worse than a guess if many answers are right?"
    assert_has_numbers(section(QUESTIONS, heading), 4600, accuracy, loss, math.log(113))
    last = pm.Trajectory.load(RUNS / "no_weight_decay" / "curves.npz")
    assert f"{float(last['excluded_loss'][-1]):.0e}" in QUESTIONS
    assert last["excluded_loss"][-1] == pytest.approx(float(last["train_loss"][-1]), rel=0.05)
