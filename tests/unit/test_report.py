"""A page of a run: what is in it is read from its HTML and from what its figures are drawn from."""

import re
import subprocess
import sys

import numpy as np
import pytest
import torch

import progress_measures as pm
from progress_measures import __main__ as command_line
from tests._pages import Page

pytest.importorskip("bokeh", reason="bokeh is not installed: it is in the extra `report`")
report = pytest.importorskip("progress_measures.report")

STEPS = [0, 1000, 2000, 3000, 4000, 5000, 9000]
GROKS = pm.Trajectory(
    STEPS,
    {
        "train_loss": [4.8, 0.1, 0.01, 1e-3, 1e-4, 1e-4, 1e-4],
        "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.01, 0.01],
        "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
        "test_accuracy": [0.0, 0.0, 0.1, 0.5, 0.9, 1.0, 1.0],
        "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
        "power": [[1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 3.0]] * 7,
    },
)
EVIL = "</script><script>alert(1)</script><img src=https://example.org/x onerror=alert(2)>'\"&\\"


def page(*runs, **options):
    return Page(report.html_page({f"run {place}": run for place, run in enumerate(runs)}, **options))


def found(run):
    return {
        "phases": {"run 0": pm.find_phases(run, answers=113)},
        "milestones": {"run 0": pm.milestones(run, answers=113)},
    }


def test_headings_in_the_order_of_the_page():
    shown = page(GROKS, source="runs/groks.csv")
    assert shown.headings == [
        "run 0", "run 0", "Milestones and phases", "Losses", "Accuracies", "Other numbers", "power", "Recorded numbers",
        "What these are",
    ]  # fmt: skip
    assert shown.paragraphs[:2] == ["Source: runs/groks.csv", "Step 0 to 9000, 7 recorded."]


def test_a_line_for_each_milestone_and_phase_says_when_or_why_not():
    run = GROKS.select(["test_loss", "sum_squared_weights"])
    results = found(run)
    rows = page(run, **results).rows
    events = {**results["milestones"]["run 0"].events, **results["phases"]["run 0"].events}
    texts = {"relapses": "times that the run stopped generalizing afterwards"}
    wanted = [
        [name.replace("_end", " ends").replace("_", " "), str(event), event.reason or texts[name]]
        for name, event in events.items()
        if name != "delay"  # it has none
    ]
    assert rows[1:7] == wanted
    assert wanted[0][:2] == ["memorized", "not recorded"]
    assert wanted[4][1] == "2734 (2000 to 3000)"


def test_without_phases_the_page_says_how_to_get_them():
    assert "Left out: they need the number of answers, which the option --answers gives." in page(GROKS).paragraphs


def test_a_run_that_has_no_results_beside_others_says_what_they_need():
    run = pm.Trajectory([0, 1], {"reward": [1.0, 2.0]})
    said = (
        "Left out: none were found. They are told by train_loss, test_loss, train_accuracy, test_accuracy, "
        "excluded_loss, restricted_loss and sum_squared_weights."
    )
    assert said in page(GROKS, run, **found(GROKS)).paragraphs
    assert said in page(run, phases={}, milestones={}).paragraphs


@pytest.mark.parametrize("answers", [2, 113])
def test_the_command_leaves_out_the_phases_of_a_run_without_losses(tmp_path, capsys, answers):
    GROKS.save(tmp_path / "groks.npz")
    (tmp_path / "game.csv").write_text("step,reward\n0,1\n10,2\n")
    out = tmp_path / "page.html"
    files = [str(tmp_path / "groks.npz"), str(tmp_path / "game.csv")]
    command_line.main(["report", *files, "-o", str(out), "--answers", str(answers)])
    shown = Page(out.read_text(encoding="utf-8"))
    assert any(said.startswith("Left out: none were found.") for said in shown.paragraphs)
    assert "game: no milestones or phases, because" in capsys.readouterr().err
    command_line.main(["report", files[1], "-o", str(out), "--answers", str(answers)])
    assert "reward" in out.read_text(encoding="utf-8")


def test_the_command_refuses_answers_that_are_none(tmp_path, capsys):
    (tmp_path / "game.csv").write_text("step,reward\n0,1\n10,2\n")
    with pytest.raises(SystemExit):
        command_line.main(["report", str(tmp_path / "game.csv"), "-o", str(tmp_path / "page.html"), "--answers", "1"])
    assert "`answers` must be at least 2. Got 1." in capsys.readouterr().err


def test_one_curve_for_each_column_on_both_scales():
    losses, accuracies, others, *_ = page(GROKS).count("Line")
    assert losses == 2 * 3 * 3  # two scales, three columns, and of each line how it looks where others are chosen
    assert (accuracies, others) == (2 * 3, 2 * 3)
    assert page(GROKS).count("TabPanel")[:3] == [2, 2, 2]
    assert page(GROKS).labels()[:3] == ["train_loss", "test_loss", "excluded_loss"]


def test_phases_are_shaded_behind_every_curve_with_their_names():
    shown = page(GROKS, **found(GROKS))
    assert shown.count("BoxAnnotation")[0] > page(GROKS).count("BoxAnnotation")[0]
    assert "memorizationcircuit formationcleanup" in shown.paragraphs
    assert shown.count("Span")[0] == 2 * 5  # on both scales: the ends of three phases, and two milestones
    shades = [model["attributes"] for model in shown.figures[0] if model["name"] == "BoxAnnotation"]
    ends = {shade["right"] for shade in shades if isinstance(shade.get("right"), int)}
    assert ends == {1000, 2734, pm.find_phases(GROKS, answers=113).cleanup_end}


def test_a_logarithmic_axis_of_steps_has_no_place_for_step_0():
    shown, linear = page(GROKS, x="log", **found(GROKS)), page(GROKS)
    assert "Step 0 has no place on the logarithmic axis of steps, and is left out of the figures." in shown.paragraphs
    *figures, bars = zip(shown.count("LogAxis"), linear.count("LogAxis"), strict=True)
    assert all(more > fewer for more, fewer in figures)
    assert bars == (0, 0)  # over frequencies
    shades = [model["attributes"] for model in shown.figures[0] if model["name"] == "BoxAnnotation"]
    assert min(shade["left"] for shade in shades if isinstance(shade.get("left"), int)) == 1000
    assert shown.rows[1:] == page(GROKS, **found(GROKS)).rows[1:]


def test_a_logarithmic_axis_needs_a_step_above_0():
    shown = page(pm.Trajectory([0], {"a": [1.0]}), x="log")
    assert shown.count("LogAxis") == page(pm.Trajectory([0], {"a": [1.0]})).count("LogAxis")
    with pytest.raises(ValueError, match=r"^`x` must be one of 'linear', 'log'. Got 'sqrt'.$"):
        page(GROKS, x="sqrt")


def test_cells_of_a_heat_map_begin_above_0_on_a_logarithmic_axis():
    run = pm.Trajectory([1, 100, 1000], {"v": [[1.0, 2.0]] * 3})
    shown = page(run, x="log")
    assert shown.count("LogAxis")[0] > 0
    assert "Step 0" not in " ".join(shown.paragraphs)


def test_a_spectrum_is_a_heat_map_lines_and_bars():
    shown = page(GROKS.select(["power"]))
    assert shown.count("Quad")[0] > 0
    assert shown.count("MultiLine")[1] > 0
    assert shown.count("VBar")[2] > 0
    assert (
        "No key frequencies are known. Coloured are those with the largest power at the end: 1, 2, 3, 4, 7."
        in shown.paragraphs
    )
    assert "At the last measured step, 9000:" in shown.paragraphs
    assert [label for label in shown.labels() if "7" in label] == ["frequency 7", "frequency 7"]


def test_key_frequencies_are_the_recorded_ones():
    mask = [[0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]] * 7
    shown = page(pm.Trajectory(STEPS, {"power": GROKS["power"], "key_frequencies": mask}))
    assert "Key frequencies, as recorded: 3, 7." in shown.paragraphs
    assert "key_frequencies" not in shown.headings


def test_key_frequencies_else_stand_out_in_the_logits():
    power = torch.ones(7, 56, dtype=torch.float64)
    power[:, [4, 13]] = torch.tensor([900.0, 800.0], dtype=torch.float64)
    shown = page(pm.Trajectory(STEPS, {"logit_power": power, "other": power}))
    assert shown.paragraphs.count("Key frequencies, those that stand out in logit_power at the end: 5, 14.") == 2


def test_a_table_of_all_recorded_numbers():
    rows = page(GROKS).rows
    assert rows[0] == ["step", *(name for name in GROKS.columns if name != "power")]
    assert rows[2] == ["1000", "0.1", "20", "0.3", "0", "3000"]
    assert len(rows) == 1 + len(STEPS)


def test_what_is_missing_is_left_out_with_a_word():
    nothing = [np.nan] * 7
    run = pm.Trajectory(STEPS, {"lost_loss": nothing, "gone": [[np.nan] * 3] * 7, "cube": np.ones((7, 2, 2))})
    paragraphs = page(run).paragraphs
    assert "Curves are left out: no column has one number per step." not in page(GROKS).paragraphs
    assert "Left out, because no number in it is finite: lost_loss." in paragraphs
    assert "Left out: no number in it is finite." in paragraphs
    assert "Left out: 2×2 numbers per step are no spectrum of 2 to 1,000." in paragraphs
    alone = page(pm.Trajectory(STEPS, {}))
    assert alone.figures == []
    assert alone.paragraphs[-3:] == [
        "Curves are left out: no column has one number per step.",
        "Spectra are left out: no column has one number per frequency.",
        "Left out: no column has one number per step.",
    ]


def test_numbers_below_zero_have_a_linear_scale_alone():
    assert page(pm.Trajectory([0, 1], {"a": [-1.0, -2.0]})).count("TabPanel") == [0]
    assert page(pm.Trajectory([0, 1], {"a": [-1.0, 2.0]})).count("TabPanel") == [2]


@pytest.mark.parametrize("values", [[0.0, 0.0], [np.inf, 1.0], [1e300, 1e-300], [-np.inf, np.nan]], ids=str)
def test_odd_numbers_are_no_error(values):
    assert page(pm.Trajectory([0, 1], {"a_loss": values, "v": [values, values]})).rows[1][0] == "0"


def test_a_single_step_is_drawn():
    shown = page(pm.Trajectory([7], {"a": [1.0], "v": [[1.0, 2.0]]}))
    assert shown.count("Scatter")[0] > 0
    assert len(shown.figures) == 2
    assert shown.count("VBar")[1] > 0
    assert "At the only measured step, 7:" in shown.paragraphs
    assert shown.rows[1] == ["7", "1"]


def test_long_runs_are_thinned_and_the_page_says_so():
    count = 30_001
    run = pm.Trajectory(range(count), {"loss": np.ones(count), "v": np.ones((count, 50))})
    text = report.html_page({"long": run})
    shown = Page(text)
    assert "Of 30,001 steps, 20,000 are drawn, at even distances in the record." in shown.paragraphs
    assert "Of 30,001 steps, 400 are drawn." in shown.paragraphs
    assert "Of 30,001 steps, 2,000 are in the table, evenly chosen." in shown.paragraphs
    assert (shown.rows[1][0], shown.rows[-1][0], len(shown.rows)) == ("0", "30000", 2001)
    assert len(text) < 5_000_000


def test_more_columns_than_can_be_told_apart_are_in_the_table():
    shown = page(pm.Trajectory([0, 1], {f"c{place}": [1.0, 2.0] for place in range(23)}))
    assert "3 more columns are only in the table." in shown.paragraphs
    assert len(set(shown.labels())) == 20
    assert len(shown.rows[0]) == 24


def test_names_from_files_are_shown_and_not_obeyed():
    run = pm.Trajectory([0, 1], {EVIL: [1.0, 2.0], f"{EVIL} v": [[1.0, 2.0]] * 2}, step_name=EVIL)
    text = report.html_page({EVIL: run}, source=EVIL)
    shown, plain = Page(text), page(pm.Trajectory([0, 1], {"a": [1.0, 2.0], "v": [[1.0, 2.0]] * 2}), source="a")
    assert [tag for tag, _ in shown.tags] == [tag for tag, _ in plain.tags]
    assert shown.headings[:2] == [EVIL, EVIL]
    assert f"Source: {EVIL}" in shown.paragraphs
    assert shown.rows[0] == [EVIL, EVIL]
    assert any(label.startswith("</script><script>alert(1)") for label in shown.labels())


def test_bokeh_reads_no_mathematics_in_names():
    shown = page(pm.Trajectory([0, 1], {"$$x$$": [1.0, 2.0], r"\(y\) \[z\]": [1.0, 2.0]}))
    assert not any(mark in label for label in shown.labels() for mark in ("$$", r"\(", r"\["))
    assert [label.replace("\u200b", "") for label in shown.labels()][:2] == ["$$x$$", r"\(y\) \[z\]"]


def test_bytes_that_are_no_letters_can_be_written():
    report.html_page({"a\udcff": pm.Trajectory([0], {"b\udcfe": [1.0]})}, source="\udcff").encode()


def test_the_page_asks_no_other_place_for_anything():
    shown = page(GROKS)
    asked = [value for _, attrs in shown.tags for name, value in attrs.items() if name in ("src", "href", "data")]
    assert asked == ["https://arxiv.org/abs/2301.05217"]  # a link, which nothing follows unless it is clicked
    (policy,) = [attrs["content"] for tag, attrs in shown.tags if tag == "meta" and "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy
    assert not {tag for tag, _ in shown.tags} & {"link", "iframe", "img", "object", "embed", "base"}
    style = re.findall(r"<style>.*?</style>", report.html_page({"a": GROKS}), re.DOTALL)
    assert not any("url(" in part or "@import" in part for part in style)


def test_no_browser_darkens_a_page_whose_figures_stay_bright():
    assert "color-scheme: only light" in report.html_page({"a": GROKS})


def test_several_runs_are_a_section_each():
    shown = page(GROKS, GROKS.select(["test_loss"]))
    assert shown.headings[:3] == ["run 0, run 1", "run 0, run 1", "run 0"]
    assert "run 1" in shown.headings
    assert [attrs["href"] for tag, attrs in shown.tags if tag == "a"][:2] == ["#run0", "#run1"]
    assert [attrs["id"] for tag, attrs in shown.tags if tag == "h2"][:2] == ["run0", "run1"]


def test_a_title_of_ones_own():
    assert page(GROKS, title="My <run>").headings[:3] == ["My <run>", "My <run>", "run 0"]


def test_the_runs_are_left_as_they_are():
    before = {name: values.clone() for name, values in GROKS.columns.items()}
    page(GROKS, **found(GROKS))
    assert all(torch.equal(values, before[name]) for name, values in GROKS.columns.items())


def test_results_of_another_run_are_refused():
    with pytest.raises(ValueError, match=r"^`phases` must be by the name of a run. Got 'x'. The runs are run 0.$"):
        page(GROKS, phases={"x": pm.Phases(1, 2, 3)})
    with pytest.raises(TypeError, match="mapping"):
        report.html_page(GROKS)


@pytest.mark.parametrize("missing", ["bokeh", "matplotlib"])
def test_a_missing_package_is_met_with_how_to_install_it(missing):
    code = f"""
import sys
sys.modules[{missing!r}] = None
try:
    import progress_measures.report
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"progress_measures.report needs {missing}: pip install bokeh matplotlib\n"
