"""What the figures of a page show: any number and length of names, callbacks' columns, and what is doubtful."""

import numpy as np
import pytest

import progress_measures as pm
from progress_measures import __main__ as command_line
from tests._pages import Page

pytest.importorskip("bokeh", reason="bokeh is not installed: it is in the extra `report`")

from progress_measures import report
from tests.unit.test_report import GROKS, STEPS, found


def page(run, **options):
    return Page(report.html_page({"run 0": run}, **options))


def models(shown, kind):
    return [model["attributes"] for figure in shown.figures for model in figure if model["name"] == kind]


def recorded(prefix, **others):
    mask = [[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]] * 7
    columns = dict(GROKS.columns) | {"key_frequencies": mask}
    return pm.Trajectory(STEPS, {prefix + name: values for name, values in columns.items()} | others)


@pytest.mark.parametrize("count", [1, 13])
@pytest.mark.parametrize("name", ["loss{}", "train/recorder/a_rather_long_name_of_some_loss_{}_on_training_data"])
def test_no_number_or_length_of_names_makes_a_plot_lower(count, name):
    shown = page(pm.Trajectory([0, 1], {name.format(place): [1.0, 2.0] for place in range(count)}))
    assert [chart["frame_height"] for chart in models(shown, "Figure")] == [300, 300]
    assert not any(chart.get("height") for chart in models(shown, "Figure"))


def test_short_names_share_a_row_of_the_legend():
    columns = [
        models(page(pm.Trajectory([0, 1], {f"loss_{letter}": [1.0, 2.0] for letter in "abcd"})), "Legend"),
        models(page(pm.Trajectory([0, 1], {f"loss_{letter * 60}": [1.0, 2.0] for letter in "abcd"})), "Legend"),
    ]
    short, long = (legends[0].get("ncols", "auto") for legends in columns)
    assert (short, long) == (4, 1)


def test_what_all_names_of_a_figure_begin_with_is_left_out_of_its_legend():
    run = pm.Trajectory([0, 1], {"net/a/loss1": [1.0, 2.0], "net/a/loss2": [1.0, 2.0]})
    assert set(page(run).labels()) == {"loss1", "loss2"}


@pytest.mark.parametrize("prefix", ["recorder/", "train/recorder/"])
def test_all_columns_of_a_callback_are_shown_without_its_prefix(prefix):
    shown = page(recorded(prefix, **{"train/loss": [1.0] * 7}))
    assert shown.labels()[:4] == ["train_loss", "test_loss", "excluded_loss", "train/loss"]
    assert "Key frequencies, as recorded: 3, 7." in shown.paragraphs
    assert prefix + "key_frequencies" not in shown.headings
    assert f"The columns {prefix}… are shown without {prefix}." in shown.paragraphs
    assert shown.rows[0] == page(GROKS.merge(pm.Trajectory(STEPS, {"train/loss": [1.0] * 7}))).rows[0]


def test_of_twenty_curves_no_two_look_the_same():
    shown = page(pm.Trajectory([0, 1], {f"loss {place}": [1.0, 2.0] for place in range(20)}))
    lines = [line for line in models(shown, "Line") if line.get("line_alpha", 1) == 1]
    assert len({(str(line["line_color"]), str(line.get("line_dash", "solid"))) for line in lines}) == 20
    neighbours = [str(line.get("line_dash", "solid")) for line in lines]
    assert len(set(neighbours)) == 4


def test_a_name_that_two_columns_would_have_is_left_to_the_one_that_has_it():
    shown = page(recorded("recorder/", train_loss=[1.0] * 7))
    assert {"train_loss", "recorder/train_loss", "test_loss"} <= set(shown.labels())


def test_other_prefixes_are_no_callbacks():
    run = pm.Trajectory(STEPS, {"recorder/reward": [1.0] * 7})
    assert page(run).rows[0] == ["step", "recorder/reward"]


def test_other_numbers_share_a_figure_if_their_sizes_are_alike():
    run = pm.Trajectory(
        [0, 1, 2],
        {
            "epoch": [1.0, 2.0, 3.0], "gini_a": [0.3, 0.4, 0.5], "gini_b": [0.1, 0.1, 0.1],
            "zero": [0.0] * 3, "rate": [1e-3] * 3, "eval/speed": [1e4] * 3, "eval/time": [0.2] * 3,
        },
    )  # fmt: skip
    text = report.html_page({"run": run})
    titles = [part.partition("</h4>")[0] for part in text.split("<h4>")[1:]]
    assert titles == ["epoch, gini_a", "gini_b", "zero", "rate", "eval/speed", "eval/time"]
    assert len(Page(text).figures) == len(titles)


def test_a_column_with_a_single_number_among_many_steps_is_only_in_the_table():
    shown = page(pm.Trajectory(STEPS, {"loss": [1.0] * 7, "total_flos": [np.nan] * 6 + [1e15]}))
    assert "Only in the table, because only one step has a number: total_flos." in shown.paragraphs
    assert len(shown.figures) == 1
    assert shown.rows[-1][-1] == "1e+15"


def test_a_table_of_logits_is_no_spectrum():
    assert "answer_means" not in page(pm.Trajectory(STEPS, {"answer_means": np.ones((7, 9))})).headings


def test_only_lines_that_are_not_settled_are_dashed():
    results = found(GROKS)
    shown = page(GROKS, **results)
    events = [*results["phases"]["run 0"].events.values()]
    events += [results["milestones"]["run 0"].events[name] for name in ("memorized", "generalized")]
    looks = {line["location"]: line.get("line_dash", "solid") for line in models(shown, "Span")}
    assert {event.settled for event in events} == {True, False}
    assert looks == {event.step: "solid" if event.settled else [6] for event in events}
    assert any(said.startswith("Dashed upright lines are not settled") for said in shown.paragraphs)


def test_milestones_have_their_words_above_the_plot():
    words = [axis["major_label_overrides"]["entries"] for axis in models(page(GROKS, **found(GROKS)), "LinearAxis")
             if "major_label_overrides" in axis]  # fmt: skip
    assert len(words) % 2 == 0
    assert {entry[1]["attributes"]["text"].split(" (")[0] for entries in words for entry in entries} == {
        "memorized", "generalized",
    }  # fmt: skip
    assert models(page(GROKS, **found(GROKS)), "Label") == []


def test_chance_is_a_line_among_the_losses():
    (first, *others) = page(GROKS, answers=113).figures
    lines = [model["attributes"] for model in first if model["name"] == "Span"]
    assert [line["location"] for line in lines] == [pytest.approx(np.log(113))] * 2
    assert not [model for figure in others for model in figure if model["name"] == "Span"]
    with pytest.raises(ValueError, match=r"^`answers` must be at least 2. Got 1.$"):
        page(GROKS, answers=1)


def test_notes_are_under_the_milestones_and_at_the_head():
    shown = page(GROKS, notes={"run 0": ["a <b>doubt</b>"], None: ["of the file"]}, **found(GROKS))
    assert shown.paragraphs[0] == "of the file"
    assert shown.paragraphs.index("a <b>doubt</b>") < shown.paragraphs.index("memorizationcircuit formationcleanup")
    with pytest.raises(ValueError, match=r"^`notes` must be by the name of a run. Got 'x'. The runs are run 0.$"):
        page(GROKS, notes={"x": []})


def test_columns_are_chosen():
    run = recorded("recorder/")
    shown = page(run, columns=["recorder/power", "test_loss"])
    assert shown.rows == page(run.select({"recorder/test_loss": "test_loss"})).rows
    assert "Key frequencies, as recorded: 3, 7." in shown.paragraphs
    with pytest.raises(KeyError, match=r"`columns` must be names of columns\. Got 'x'\. The runs have train_loss, "):
        page(run, columns=["x"])


def test_the_measures_on_the_page_are_explained_with_a_link_to_the_paper():
    text = report.html_page({"a": pm.Trajectory([0, 1], {"restricted_loss": [1.0, 2.0]})})
    assert "<dt>Restricted loss" in text
    assert "<dt>Excluded loss" not in text
    assert 'href="https://arxiv.org/abs/2301.05217"' in text
    assert "<dt>" not in report.html_page({"a": pm.Trajectory([0, 1], {"reward": [1.0, 2.0]})})


@pytest.mark.filterwarnings("default::UserWarning")
def test_what_the_command_says_on_stderr_is_on_the_page(tmp_path, capsys):
    keys = {"key_frequencies": np.array([[0, 1]] * 3 + [[1, 1]] * 4)}
    columns = {f"recorder/{name}": values for name, values in (dict(GROKS.columns) | keys).items()}
    columns["recorder/train_loss"] = [4.8, 0.1, np.inf, 1e-3, 1e-4, 1e-4, 1e-4]
    pm.Trajectory(STEPS, columns).save(tmp_path / "a.npz")
    (tmp_path / "b.csv").write_text("step,test_loss,word\n0,4.8,a\n1,0.1,b\n")
    out = tmp_path / "page.html"
    files = [str(tmp_path / "a.npz"), str(tmp_path / "b.csv")]
    options = ["--answers", "113", "--title", "Two runs", "--columns", "test_loss", "power"]
    command_line.main(["report", *files, "-o", str(out), *options])
    shown, said = Page(out.read_text(encoding="utf-8")), capsys.readouterr().err
    lines = [line.removeprefix("warning: ") for line in said.splitlines()]
    assert len(lines) == 4
    assert lines[2].startswith("reading the columns recorder/… without ")
    assert [line for line in lines if line not in shown.paragraphs] == [lines[2]]  # which it says in other words
    assert shown.headings[0] == "Two runs"
    assert shown.rows.count(["step", "test_loss"]) == 2


@pytest.mark.parametrize("prefix", ["", "recorder/", "train/recorder/"])
def test_the_command_frequencies_knows_the_columns_of_a_callback(tmp_path, capsys, prefix):
    power = {"logit_power": [[1.0, 8.0]] * 7, "key_frequencies": [[0.0, 1.0]] * 7}
    pm.Trajectory(STEPS, {prefix + name: values for name, values in power.items()}).save(tmp_path / "a.npz")
    command_line.main(["frequencies", str(tmp_path / "a.npz")])
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[:3] == ["a", "2", "88.9"]
    assert err.startswith(f"reading the columns {prefix}… without " if prefix else "")
    assert (err == "") == (prefix == "")
