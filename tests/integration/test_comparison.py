"""The comparison of all measures: planted onsets are found, the bundled curves are whole, a tiny run is recorded."""

import csv
import json
import math
from dataclasses import replace

import matplotlib.pyplot as plt
import pytest
import torch

import progress_measures as pm
from examples.comparison import costs, findings, record, report
from examples.comparison.__main__ import main
from examples.comparison.findings import CURVES, Compared, compare, load
from examples.comparison.measures import MEASURES, Measure
from examples.comparison.runs import RUNS, ComparedRun
from examples.comparison.sample import Sample, Task
from examples.modular_addition import checkpoints
from examples.modular_addition.bundled import MAINLINE, final
from examples.modular_addition.model import Transformer
from examples.modular_addition.training import Config

STEPS = torch.arange(0, 8001, 200)
MEMORIZED, FALL = 400, 4000  # where the planted losses pass 0.01 nats, and chance


def ramp(start, end, low, high):
    """A column that changes from one value to another between two steps."""
    return low + (high - low) * ((STEPS - start) / (end - start)).clip(0, 1).double()


def curves(*, moves):
    """Measures of a run whose test loss falls through chance at ``FALL``, or whose test loss never falls."""
    chance, high = math.log10(math.log(113)), 1.0 if moves else 0.0
    columns = {
        "train_loss": 10.0 ** ramp(0, MEMORIZED, 1, -2),
        "test_loss": 10.0 ** (ramp(FALL - 400, FALL + 400, 2, 2 * chance - 2) if moves else ramp(0, 1, 2, 2)),
        "early": ramp(1000, 3000, 0.0, high),
        "late": ramp(5000, 6000, 0.0, high),
        "always": ramp(MEMORIZED, 2400, 5.0, 3.0),
        "falls": 10.0 ** ramp(2000, 6000, 0.0, -4 * high),
        "little": ramp(1000, 3000, 0.0, 1.0 if moves else 0.3),
        "constant": torch.full(STEPS.shape, 2.0),
        "undefined": torch.full(STEPS.shape, math.nan),
    }
    return pm.Trajectory(STEPS, columns)


@pytest.fixture
def planted(monkeypatch):
    """The rows of measures with known onsets, on two seeds, another task and two runs that never generalize."""
    scales = {name: ("log",) if name.endswith("loss") else ("linear",) for name in curves(moves=True).columns}
    entries = {
        name: Measure(name, "nothing", lambda _: torch.zeros(()), each)
        for name, each in (scales | {"falls": ("log", "linear")}).items()
    }
    monkeypatch.setattr(findings, "MEASURES", entries)
    names = {"seed0": True, "seed1": True, "subtraction": True, "fraction_10": False, "fraction_20": False}
    found = [Compared(name, curves(moves=moves)) for name, moves in names.items()]
    return {row.title: row for row in compare(found, {"early": 0.02, "late": 3.0})}


def test_planted_onsets_and_leads_are_found_between_memorization_and_the_fall_of_test_loss(planted):
    early, late = planted["early"], planted["late"]
    assert early.leads == {
        0.1: [pytest.approx(FALL - 1200, abs=100)] * 2,
        0.5: [pytest.approx(FALL - 2000, abs=100)] * 2,
    }
    half = (2000 - MEMORIZED) / (FALL - MEMORIZED)
    assert early.progress[0.5] == [pytest.approx(half, abs=0.02)] * 2
    assert early.tasks == {"subtraction": {share: pytest.approx(early.median(share)) for share in (0.1, 0.5)}}
    assert late.leads[0.5] == [pytest.approx(FALL - 5500, abs=100)] * 2
    assert late.median(0.5) > 1


def test_the_scale_decides_when_half_of_a_change_is_done(planted):
    log, linear = planted["falls, log"], planted["falls, linear"]
    assert log.leads[0.5] == [pytest.approx(0, abs=100)] * 2  # 1e-2 is half of the way from 1 to 1e-4
    assert linear.leads[0.5] == [pytest.approx(FALL - 2300, abs=200)] * 2


def test_a_measure_moves_in_vain_where_it_goes_as_far_in_runs_that_never_generalize(planted):
    assert planted["early"].false == {0.1: 0, 0.5: 0}
    assert planted["always"].false == {0.1: 2, 0.5: 2}
    assert planted["little"].false == {0.1: 2, 0.5: 0}
    assert {row.controls for title, row in planted.items() if title != "undefined"} == {2}


def test_a_measure_that_does_not_change_or_is_not_defined_is_no_announcement_and_comes_last(planted):
    for title, said in {"constant": "no change", "undefined": "not recorded"}.items():
        row = planted[title]
        assert math.isnan(row.median(0.5))
        assert row.false == {0.1: None, 0.5: None}
        assert report.cells(row)[1:3] == ("–", said)
    assert {*[*planted][-2:]} == {"constant", "undefined"}


def test_table_and_picture_say_the_same(planted):
    rows = [*planted.values()]
    text = report.table(rows).splitlines()
    assert len({len(line) for line in text}) == 1
    assert len(text) == len(rows) + 2
    assert [line.split(" | ")[0].strip("| ") for line in text[2:]] == [*planted]
    assert [report.cells(planted[name])[-2] for name in ("early", "late", "always")] == ["<0.1", "3", "–"]
    figure = report.draw(rows)
    left, right = figure.axes
    assert [label.get_text() for label in left.get_yticklabels()] == [*planted]
    place = [*planted].index("early")
    medians = [line for line in left.get_lines() if line.get_label() == "half of it, median of the seeds"]
    assert planted["early"].median(0.5) in [
        x for line in medians if line.get_ydata()[0] == place for x in line.get_xdata()
    ]
    place = [*planted].index("little")
    bars = [bar for bar in right.patches if round(bar.get_y() + bar.get_height() / 2) == place]
    assert [(bar.get_width(), round(bar.get_height(), 1)) for bar in bars] == [(2, 0.7), (0, 0.4)]
    plt.close(figure)


def test_every_run_is_bundled_with_every_measure_that_is_defined_for_it():
    assert {path.stem for path in CURVES.glob("*.npz")} == {*RUNS}
    assert sum(path.stat().st_size for path in CURVES.iterdir()) < 3 * 2**20
    for run in load():
        assert {*run.curves.columns} == {*MEASURES}, run.name
        assert run.curves.steps.tolist() == RUNS[run.name].checkpoint_epochs
        operation = RUNS[run.name].config.operation
        assert [run.has(name) for name in MEASURES] == [each.applies_to(operation) for each in MEASURES.values()]
    assert {*json.loads((CURVES / "costs.json").read_text())} == {*MEASURES}


def test_bundled_runs_are_of_the_kinds_that_they_are_said_to_be():
    for run in load():
        fall = run.test_fall.step
        assert (fall is None) == (run.kind == "never"), run.name
        if run.kind in ("seed", "task"):
            assert fall > 3 * run.start, run.name
        if run.kind == "at once":
            memorized = run.curves.steps[run.curves["train_loss"] <= 0.01][0]
            assert fall < memorized


@pytest.fixture
def tiny(monkeypatch):
    """A run of few steps modulo 5, in the place of seed 0."""
    config = Config(n=5, fraction=0.8, epochs=6)
    monkeypatch.setitem(RUNS, "seed0", ComparedRun("seed", "tiny", config, early=(0, 3)))
    monkeypatch.setattr("examples.comparison.sample.BATCHES", 4)


@pytest.mark.usefixtures("tiny")
def test_a_run_is_recorded_by_one_command_and_goes_on_where_it_was_stopped(tmp_path, monkeypatch, capsys):
    record.main(["--output", str(tmp_path), "--runs", "seed0"])
    recorded = pm.Trajectory.load(tmp_path / "seed0.npz")
    assert recorded.steps.tolist() == [0, 3, 6]
    assert {*recorded.columns} == {*MEASURES}
    assert all(recorded[name].isfinite().all() for name in MEASURES)

    def taken_again(_):
        raise AssertionError("a measure was taken again")

    (tmp_path / "seed0.npz").unlink()
    known = dict(MEASURES)
    for name, measure in MEASURES.items():
        monkeypatch.setitem(MEASURES, name, replace(measure, of=taken_again))
    record.main(["--output", str(tmp_path), "--runs", "seed0"])
    again = pm.Trajectory.load(tmp_path / "seed0.npz")
    assert all(torch.equal(again[name], recorded[name]) for name in MEASURES)
    monkeypatch.setitem(MEASURES, "new", Measure("new", "nothing", lambda s: s.model.W_E.sum()))
    for name, measure in known.items():
        monkeypatch.setitem(MEASURES, name, measure)
    record.main(["--output", str(tmp_path), "--runs", "seed0"])
    assert {*pm.Trajectory.load(tmp_path / "seed0.npz").columns} == {*known, "new"}
    assert "python -m examples.comparison --curves" in capsys.readouterr().out


@pytest.mark.usefixtures("tiny")
def test_a_measure_that_is_not_defined_for_an_operation_is_nan(tmp_path, monkeypatch):
    config = replace(RUNS["seed0"].config, operation="symmetric_group", n=3)
    monkeypatch.setitem(RUNS, "seed0", replace(RUNS["seed0"], config=config))
    record.main(["--output", str(tmp_path), "--runs", "seed0"])
    recorded = pm.Trajectory.load(tmp_path / "seed0.npz")
    undefined = {name for name in MEASURES if bool(recorded[name].isnan().all())}
    assert undefined == {"density_W_E", "ratio_W_E", "distance_irrelevance"}


def test_costs_are_ratios_of_each_measure(monkeypatch, tmp_path):
    monkeypatch.setattr(costs, "STEPS", (0,))
    few = {name: MEASURES[name] for name in ("gini_W_E", "hessian_trace")}
    monkeypatch.setattr(costs, "MEASURES", few)
    costs.main(["--output", str(tmp_path / "costs.json")])
    found = json.loads((tmp_path / "costs.json").read_text())
    assert [*found] == [*few]
    assert 0 < found["gini_W_E"] < found["hessian_trace"]


def test_the_command_writes_table_numbers_and_picture(tmp_path, capsys):
    main(["--output", str(tmp_path)])
    printed = capsys.readouterr().out
    table = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert table.strip() in printed
    lines = [*csv.DictReader((tmp_path / "comparison.csv").read_text(encoding="utf-8").splitlines())]
    rows = compare(load(), {})
    assert [(line["measure"], line["scale"]) for line in lines] == [(row.name, row.scale) for row in rows]
    assert float(lines[0]["onset_0.5"]) == rows[0].median(0.5)
    assert (tmp_path / "comparison.png").stat().st_size > 10_000


def test_curves_of_your_own_bring_their_costs(tmp_path, capsys):
    for path in CURVES.glob("seed*.npz"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "costs.json").write_text('{"gini_W_E": 77}')
    main(["--curves", str(tmp_path), "--output", str(tmp_path / "out")])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| Gini of W_E ")]
    assert line.split("|")[-3].strip() == "77"


def test_a_run_that_does_not_memorize_is_refused(tmp_path, capsys):
    columns = {name: column + 1 for name, column in curves(moves=True).columns.items()}
    pm.Trajectory(STEPS, columns).save(tmp_path / "seed0.npz")
    with pytest.raises(SystemExit):
        main(["--curves", str(tmp_path), "--output", str(tmp_path / "out")])
    assert "The training loss of seed0 is above 0.01" in capsys.readouterr().err


def test_a_folder_without_seeds_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--curves", str(tmp_path), "--output", str(tmp_path / "out")])
    assert "curves of at least one seed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_elements_are_in_the_order_of_the_operation():
    config = Config(operation="division", n=5, fraction=0.8)
    task = Task(config, (1,))
    model = Transformer(5, generator=torch.Generator().manual_seed(0))
    seen = Sample(model, task)
    assert torch.equal(seen.W_E, model.embed.weight[[1, 2, 4, 3, 0]])
    assert torch.equal(seen.W_L, model.W_L[[1, 2, 4, 3, 0]])
    x, y = 3, 2  # 3 / 2 = 4 modulo 5
    place = task.op.inputs.tolist().index([x, y])
    assert int(task.answers[place]) == 4
    loss = task.loss_on(torch.tensor([place]))(model)
    assert float(loss.detach()) == pytest.approx(
        float(-model(torch.tensor([[x, y]]))[0, :5].detach().double().log_softmax(0)[4])
    )


ROUGHLY = {
    "excluded_loss": 0.5,
    "effective_sparsity": 0.5,
    "compressed_size": 0.05,
}  # of what differs most, or least, between two trainings
APART = {"gradient_cosine", "largest_eigenvalue", "complexity"}  # these differ more


@pytest.mark.parametrize("step", [1600, 8000])
def test_bundled_curves_are_of_the_measures_as_they_are(step):
    """Seed 0 of the comparison is another training of the mainline, which is bundled with its checkpoints."""
    recorded = pm.Trajectory.load(CURVES / "seed0.npz")
    row = recorded.steps.tolist().index(step)
    model, config = checkpoints.load(checkpoints.path_of(MAINLINE, step)), RUNS["seed0"].config
    task = Task(config, record.final_keys(final(MAINLINE)[0], config.op))
    seen = Sample(model, task)
    with torch.no_grad():
        found = {name: float(measure.of(seen)) for name, measure in MEASURES.items() if name not in APART}
    wrong = {
        name: (value, float(recorded[name][row]))
        for name, value in found.items()
        if value != pytest.approx(float(recorded[name][row]), rel=ROUGHLY.get(name, 0.2), abs=1e-12)
    }
    assert wrong == {}
