"""What is looked at often says what it is in two lines at most, and in a notebook as a table."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
import torch
from torch import nn

import progress_measures as pm

OP = pm.addition(113)
MASK = OP.table < 34
KEYS = [14, 35, 41, 42, 52]
SMALL = pm.addition(7)
MEASURES = pm.measure(torch.zeros(7, 7, 7), SMALL, [2], train_mask=SMALL.table < 2)
CONTROLS = pm.random_frequency_control(torch.randn(7, 7, 7), SMALL, [2], train_mask=SMALL.table < 2, draws=20)
RUN = pm.Trajectory(
    [0, 1000, 2000, 3000, 4000, 5000, 9000],
    {"excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0], "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0]},
)


def recorder(steps=(), **options):
    made = pm.Recorder({"size": torch.Tensor.norm, "<per weight>": lambda x: x}, **options)
    for step in steps:
        made(step, torch.ones(3))
    return made


WHAT = {
    "Measures(": lambda: MEASURES,
    "Controls(": lambda: CONTROLS,
    "Control(": lambda: CONTROLS.excluded_loss,
    "Phases(": lambda: pm.find_phases(RUN, answers=113),
    "Milestones(": lambda: pm.milestones(RUN, answers=113),
    "Recorder(": lambda: recorder([0, 100]),
    "grokking_measures(": lambda: pm.grokking_measures(None, OP, OP.frequencies, MASK, weights={"W_E": "0.weight"}),
    "project_onto_frequencies(": lambda: pm.project_onto_frequencies(OP, OP.frequencies),
    "project_out_frequencies(": lambda: pm.project_out_frequencies(OP, KEYS),
    "project_each_onto_frequency(": lambda: pm.project_each_onto_frequency(OP, torch.zeros(512, dtype=torch.long)),
    "mean_ablation(": pm.mean_ablation,
    "zero_ablation(": pm.zero_ablation,
    "resample_ablation(": lambda: pm.resample_ablation(torch.ones(99, 99)),
    "project_onto(": lambda: pm.project_onto(torch.eye(99)),
    "project_out(": lambda: pm.project_out(torch.eye(99)),
    "at(": lambda: pm.at((..., list(range(99))), pm.mean_ablation()),
    "AblationEffects(": lambda: pm.ablation.AblationEffects({str(k): 1.0 for k in range(99)}, {"mlp": {}}),
}


@pytest.mark.parametrize("beginning", WHAT)
def test_two_lines_at_most(beginning):
    shown = repr(WHAT[beginning]())
    assert shown.startswith(beginning)
    assert len(shown) <= 240
    assert "\n" not in shown
    assert " at 0x" not in shown
    assert "tensor(" not in shown


def test_what_they_say():
    assert repr(MEASURES) == (
        "Measures(train_loss=1.946, test_loss=1.946, train_accuracy=0.5, test_accuracy=0, restricted_loss=1.946, "
        "excluded_loss=1.946, …)"
    )
    control = pm.measures.Control(torch.tensor(0.25), draws=torch.tensor([0.5, 1.0, 1.5, 0.0]))
    assert repr(control) == "Control(0.25; 4 draws: 0 … 1.5; share_below=0.25)"
    repeated = torch.tensor([0.5, 1.5, 0.5, 1.5 * (1 + 1e-12), 0.0], dtype=torch.float64)
    alike = pm.measures.Control(torch.tensor(0.25), draws=repeated)
    assert repr(alike) == "Control(0.25; 5 draws, 3 distinct: 0 … 1.5; share_below=0.2)"
    controls = pm.measures.Controls(control, control, control, control)
    assert repr(controls) == f"Controls(restricted_loss={control}, excluded_loss={control}, …)"
    assert repr(pm.grokking_measures(None, OP, KEYS, MASK, loss="mse", weights={"W_E": "0.weight"})) == (
        "grokking_measures(Operation(addition, n=113, frequencies=56), [14, 35, 41, 42, 52]; 3842 training and 8927 "
        "test inputs, loss=mse, weights W_E)"
    )
    for rule, name in [("current", "'current'"), (pm.frequencies.Share(0.9), "Share("), (len, "len")]:
        assert f"frequencies=3), {name}" in repr(pm.grokking_measures(None, SMALL, rule, SMALL.table < 2))


def test_a_recorder_says_its_rule_its_file_and_its_steps(tmp_path):
    assert repr(recorder()) == "Recorder(every=100; no step yet)"
    assert repr(recorder([0, 1], every=1)) == "Recorder(every=1; 2 steps, 0..1; size, <per weight>)"
    assert repr(recorder([0], every=pm.log_spaced())) == "Recorder(every=…; 1 step, 0..0; size, <per weight>)"
    assert "every=…" in repr(recorder(every=partial(pow, 3)))
    file = tmp_path / "run.jsonl"
    made = recorder(path=file)
    assert repr(made) == f"Recorder(every=100, path={str(file)!r}; no step yet)"
    made(0, torch.ones(3))
    before = file.read_bytes()
    assert repr(made).endswith("1 step, 0..0; size, <per weight>)")
    assert file.read_bytes() == before


def test_a_step_that_failed_is_a_step():
    def fail(_):
        raise ValueError("no")

    made = pm.Recorder(fail, every=1, errors="record")
    with pytest.warns(RuntimeWarning, match="could not be measured"):
        made(3, None)
    assert repr(made) == "Recorder(every=1; 1 step, 3..3)"


@pytest.mark.parametrize("transform", [torch.func.vmap, torch.func.grad])
def test_inside_of_a_transform(transform):
    seen = []

    def loss(x):
        measures = pm.measures.Measures(*[x.sum()] * 11)
        seen.extend([repr(measures), repr(pm.measures.Control(x.sum(), x.flatten()))])
        return measures.train_loss

    transform(loss)(torch.ones(2, 3))
    assert seen[0].startswith("Measures(train_loss=…, ")
    assert seen[1].startswith("Control(…; ")


def test_numbers_with_a_graph():
    measures = pm.measures.Measures(*[torch.tensor(0.5, requires_grad=True)] * 11)
    assert "train_loss=0.5" in repr(measures)
    assert ">0.5<" in measures._repr_html_()


def test_tables_of_a_notebook():
    html = MEASURES._repr_html_()
    assert html.count("<tr>") == 12
    assert '<th scope="row">excluded_loss_per_frequency</th><td>1.95 … 1.95</td>' in html
    html = pm.measures.Controls(*[pm.measures.Control(torch.tensor(0.25), torch.tensor([0.5, 0.0]))] * 4)._repr_html_()
    assert html.count("<tr>") == 5
    assert (
        '<th scope="row">excluded_loss</th><td>0.25</td><td>50%</td><td>0.025</td><td>0.25</td><td>0.475</td>' in html
    )
    html = pm.find_phases(RUN, answers=113)._repr_html_()
    assert '<th scope="row">circuit formation end</th><td>2734 (2000 to 3000), not settled</td>' in html or (
        '<th scope="row">circuit formation end</th><td>2734 (2000 to 3000)</td>' in html
    )
    assert '<th scope="row">cleanup end</th><td>not recorded</td>' in html
    html = pm.Phases(1000, None, None)._repr_html_()
    assert '<th scope="row">memorization end</th><td>1000</td>' in html
    assert "<caption" in RUN._repr_html_()


def test_they_can_still_be_pickled():
    measure = pm.grokking_measures(None, SMALL, [1], SMALL.table < 2)
    for value in (measure, MEASURES, CONTROLS, pm.find_phases(RUN, answers=113), pm.project_onto_frequencies(OP, KEYS)):
        assert repr(pickle.loads(pickle.dumps(value))) == repr(value)
    model = nn.Sequential(nn.Embedding(7, 4), nn.Flatten(), nn.Linear(8, 7))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        there = pm.track([(0, model)], measure, executor=executor)
    here = pm.track([(0, model)], measure)
    assert torch.equal(there["train_loss"], here["train_loss"])


def test_names_with_control_characters():
    odd = "a\nb\x1b[31m"
    run = pm.Trajectory([0, 1], {odd: [1.0, 2.0]})
    model = nn.Sequential(nn.Linear(2, 2))
    measures = {odd: lambda model: model(torch.ones(1, 2)).sum()}
    effects = pm.ablation.ablation_effects(model, {odd: "0"}, pm.zero_ablation(), measures)
    recorder = pm.Recorder(measures)
    recorder.record(0, model)
    shown = [repr(run), repr(pm.Runs({odd: run})), repr(effects), repr(recorder), str(effects).replace("\n", "")]
    for text in [*shown, run._repr_html_(), effects._repr_html_()]:
        assert r"a\nb\x1b[31m" in text
        assert text.isprintable()
