import csv
import pickle
import random
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close, assert_same
from tests._planted import learned_logits, random_mask

NAN = float("nan")


def same(one, other):
    return (
        one.steps.tolist() == other.steps.tolist()
        and list(one.columns) == list(other.columns)
        and all(x.numpy().tobytes() == other[name].numpy().tobytes() for name, x in one.columns.items())
    )


def model_with_dropout():
    return nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Sequential(nn.BatchNorm1d(3), nn.Dropout(0.1)))


def states(model):
    return {
        "modes": [module.training for module in model.modules()],
        "grad mode": torch.is_grad_enabled(),
        "torch": torch.get_rng_state().tolist(),
        "numpy": str(np.random.get_state()),  # noqa: NPY002 (the global state is what is looked at)
        "python": random.getstate(),
    }


def meddle(model):
    """Changes every state that a measure may change."""
    model.train(not model.training)
    model[2].training = True
    torch.set_grad_enabled(True)
    torch.manual_seed(5)
    torch.rand(3)
    np.random.seed(5)  # noqa: NPY002 (the global state is what is looked at)
    random.seed(5)
    return {"x": 1.0}


def meddle_and_fail(model):
    meddle(model)
    raise ZeroDivisionError


# ---------------------------------------------------------------------------------------------------------------------
# When and what


def test_records_multiples_and_is_silent_at_other_steps():
    recorder = pm.Recorder({"x": float, "vector": lambda x: [x, -x]}, every=3)
    returned = [recorder(step, float(step)) for step in range(8)]
    assert [bool(numbers) for numbers in returned] == [step % 3 == 0 for step in range(8)]
    assert returned[1] == {}
    assert returned[3] == {"x": 3.0, "vector/1": 3.0, "vector/2": -3.0}
    assert all(type(value) is float for value in returned[3].values())
    assert recorder.trajectory.steps.tolist() == [0, 3, 6]
    assert recorder.trajectory["vector"].tolist() == [[0, 0], [3, -3], [6, -6]]


def test_is_flat_as_measures_are():
    op = pm.addition(7)
    m = pm.measure(learned_logits(op, (2,)), op, [2], train_mask=random_mask(7))
    assert pm.Recorder(lambda _: vars(m)).record(0, None) == m.as_dict()


def test_tables_are_for_the_trajectory_alone():
    recorder = pm.Recorder({"table": lambda x: x, "x": lambda x: x[0, 0]})
    assert recorder(0, torch.ones(2, 2)) == {"x": 1.0}
    assert recorder.trajectory["table"].shape == (1, 2, 2)


def test_nothing_is_measured_at_other_steps():
    recorder = pm.Recorder(meddle_and_fail, every=lambda step: step == 5)
    assert [recorder(step, None) for step in range(5)] == [{}] * 5


def test_last_step_is_recorded_when_asked():
    recorder = pm.Recorder({"x": float}, every=10)
    for step in range(16):
        recorder(step, step)
    assert recorder.record(15, 15) == {"x": 15.0}
    assert recorder.record(15, 16) == {"x": 16.0}  # again, in its own place
    assert recorder.trajectory.steps.tolist() == [0, 10, 15]
    assert recorder.trajectory["x"].tolist() == [0, 10, 16]


def test_a_run_that_goes_back_takes_the_place_of_what_came_after():
    recorder = pm.Recorder({"x": lambda x: x}, every=10)
    for step in (0, 10, 20, 30):
        recorder(step, 1.0)
    assert recorder(11, 2.0) == {}
    recorder(20, 2.0)
    assert (recorder.trajectory.steps.tolist(), recorder.trajectory["x"].tolist()) == ([0, 10, 20], [1, 1, 2])


def test_a_run_that_goes_back_drops_what_came_after_even_if_nothing_is_due(tmp_path):
    path = tmp_path / "run.jsonl"
    first = pm.Recorder({"x": lambda x: x}, every=100, path=path)
    for step in range(251):
        first(step, 1.0)
    first.record(250, 1.0)
    resumed = pm.Recorder({"x": lambda x: x}, every=100, path=path)
    assert resumed(120, 2.0) == {}
    for recording in (resumed.trajectory, pm.load_recording(path)):
        assert recording.steps.tolist() == [0, 100]
    size = path.stat().st_size
    for step in range(121, 200):
        assert resumed(step, 2.0) == {}
    assert path.stat().st_size == size  # it says once that it has gone back
    resumed(200, 2.0)
    assert pm.load_recording(path)["x"].tolist() == [1, 1, 2]
    for recorder in (resumed, pm.Recorder({"x": lambda x: x}, every=100, path=path)):
        assert recorder(50, 3.0) == {}
        assert recorder.trajectory.steps.tolist() == [0]
        recorder.record(170, 3.0)


@pytest.mark.parametrize("back", [{}, {"path": "run.jsonl"}])
def test_a_step_that_is_called_again_is_no_step_back(tmp_path, monkeypatch, back):
    monkeypatch.chdir(tmp_path)
    recorder = pm.Recorder({"x": float}, every=100, **back)
    recorder.record(250, 1.0)
    assert recorder(250, 2.0) == {}
    assert recorder.trajectory["x"].tolist() == [1.0]
    with pytest.raises(TypeError):
        recorder.record(250, None)
    assert recorder.trajectory["x"].tolist() == [1.0]


def test_a_resumed_run_that_begins_with_its_last_step_measures_it_again(tmp_path):
    recorded(tmp_path / "run.jsonl")
    again = pm.Recorder({"x": float}, every=100, path=tmp_path / "run.jsonl")
    assert again(20, 1.0) == {}
    assert again.trajectory.steps.tolist() == [0, 10]


def test_numbers_of_one_name_are_refused_before_anything_is_recorded(tmp_path):
    measure = {"a": lambda x: [x, x], "a/1": lambda x: x}
    recorder = pm.Recorder(measure, path=tmp_path / "run.jsonl")
    with pytest.raises(ValueError, match="distinct names") as caught:
        recorder(0, 1.0)
    assert str(caught.value) == (
        "`measures` must have distinct names where each number has its own: 'step' is taken, and a vector becomes "
        "name/1, name/2. Got a/1, a/2."
    )
    assert caught.value.__notes__ == ["This was at step 0."]
    assert (tmp_path / "run.jsonl").read_bytes() == b""


def test_what_is_returned_is_named_as_in_a_csv_file(tmp_path):
    recorder = pm.Recorder({"x": float, "v": lambda x: [x, 2 * x]})
    returned = [{"step": step, **recorder(step, step + 0.5)} for step in (0, 100)]
    recorder.trajectory.to_csv(tmp_path / "run.csv")
    with (tmp_path / "run.csv").open() as file:
        assert [{name: float(cell) for name, cell in row.items()} for row in csv.DictReader(file)] == returned
    assert pm.Trajectory.from_csv(tmp_path / "run.csv")["v"].tolist() == [[0.5, 1.0], [100.5, 201.0]]


@pytest.mark.filterwarnings("ignore:No frequency is key")
def test_what_is_returned_is_what_loggers_take():
    op = pm.addition(7)
    returned = pm.Recorder(pm.grokking_measures(None, op, "current", random_mask(7)))(0, Embedded(7))
    assert len(returned) == 11 - 1 + 3 * 3 + 2
    for name, value in returned.items():
        assert type(name) is str
        assert re.fullmatch(r"[-/\w.]+", name), f"TensorBoard would rename {name}"
        assert type(value) is float
        assert name.count("/") == (name.startswith(("excluded_loss_per_frequency", "key_frequencies", "logit_power")))


def test_a_run_that_starts_anew_may_measure_something_else():
    values = iter([{"x": 1.0}, {"x": 2.0}, {"y": [3.0, 4.0]}])
    recorder = pm.Recorder(lambda _: next(values))
    for step in (0, 100, 0):
        recorder(step, None)
    assert recorder.trajectory["y"].tolist() == [[3, 4]]


def test_names_must_not_change_within_a_run():
    values = iter([{"x": 1.0}, {"y": 2.0}])
    recorder = pm.Recorder(lambda _: next(values))
    recorder(0, None)
    with pytest.raises(ValueError, match=r"^`measures` must return the same names at every step\.") as caught:
        recorder(100, None)
    assert caught.value.__notes__ == ["This was at step 100."]
    assert len(recorder.trajectory) == 1


def test_trajectory_is_frozen_while_the_recorder_goes_on():
    recorder = pm.Recorder({"x": float})
    recorder(0, 0)
    before = recorder.trajectory
    recorder(100, 1)
    assert (len(before), len(recorder.trajectory)) == (1, 2)


def test_without_a_step_there_is_no_trajectory():
    with pytest.raises(
        ValueError, match=r"^A trajectory must have at least one step\. Nothing has been recorded yet\.$"
    ):
        _ = pm.Recorder({"x": float}).trajectory


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"measures": 3}, TypeError, "`measures` must be a function of the model, or a mapping of them. Got int."),
        ({"every": 0}, ValueError, "`every` must be at least 1. Got 0."),
        ({"every": 2.5}, TypeError, "`every` must be an integer or a function of the step. Got 2.5 (float)."),
        ({"every": True}, TypeError, "`every` must be an integer or a function of the step. Got True (bool)."),
        ({"path": 3}, TypeError, "`path` must be a path. Got 3 (int)."),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error) as caught:
        pm.Recorder(**{"measures": {"x": float}} | arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize("step", [1.0, True, "1", -1, 70 * 2**64])
def test_steps_are_checked_at_every_call(step):
    recorder = pm.Recorder({"x": float}, every=70)
    with pytest.raises((TypeError, ValueError), match="`step` must be"):
        recorder(step, 0)
    with pytest.raises((TypeError, ValueError), match="`step` must be"):
        recorder.record(step, 0)


@pytest.mark.parametrize("step", [np.int64(20), torch.tensor(20)])
@pytest.mark.parametrize("every", [20, pm.sqrt_spaced(20), pm.log_spaced(100)], ids=["number", "early", "log"])
def test_steps_of_any_integer_kind(step, every):
    recorder = pm.Recorder({"x": float}, every=every)
    assert recorder(step, 1) == {"x": 1.0}
    assert recorder.trajectory.steps.tolist() == [20]


# ---------------------------------------------------------------------------------------------------------------------
# Nothing is disturbed


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("measure", [meddle, meddle_and_fail])
def test_states_are_what_they_were(measure, grad):
    model = model_with_dropout()
    model[2][1].eval()  # modes are mixed
    recorder = pm.Recorder(measure)
    with torch.set_grad_enabled(grad):
        before = states(model)
        if measure is meddle:
            recorder(0, model)
        else:
            with pytest.raises(ZeroDivisionError) as caught:
                recorder(0, model)
            assert caught.value.__notes__ == ["This was at step 0."]
        assert states(model) == before


def test_the_model_is_measured_in_evaluation_mode_without_gradients():
    seen = {}

    def measure(model):
        seen["modes"] = {module.training for module in model.modules()}
        seen["graph"] = model[0](torch.ones(2, 3)).requires_grad
        return {"x": 0.0}

    pm.Recorder(measure)(0, model_with_dropout().train())
    assert seen == {"modes": {False}, "graph": False}


def test_training_is_the_same_to_the_last_bit():
    def weights(recorder):
        torch.manual_seed(0)
        model = model_with_dropout()
        optimizer = torch.optim.AdamW(model.parameters())
        for step in range(20):
            recorder(step, model)
            optimizer.zero_grad()
            model(torch.randn(8, 3)).square().mean().backward()
            optimizer.step()
        return torch.cat([x.flatten() for x in model.state_dict().values()])

    assert torch.equal(weights(pm.Recorder(meddle, every=3)), weights(lambda *_: {}))


@pytest.mark.parametrize("enable", ["by the library", "by the measure"])
def test_a_measure_may_turn_gradients_on(enable):
    op, model = pm.addition(7), pm.circuits.Pizza(pm.addition(7), {3: 1.0})

    def sharpness(model):
        with torch.enable_grad():
            loss = model(op.inputs).square().mean()
            return torch.autograd.grad(loss, model.embed.weight)[0].norm()

    symmetry = lambda model: pm.circuits.gradient_symmetricity(model, op, model.embed)  # noqa: E731 (one measure, on one line)
    measure = {"x": symmetry if enable == "by the library" else sharpness}
    expected = measure["x"](model)
    assert expected > 0
    assert pm.Recorder(measure)(0, model) == {"x": float(expected)}
    assert float(pm.track([(0, model)], measure)["x"]) == float(expected)
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("name", ["cosine", "commutator_defect", "noise_scale", "hessian_trace", "largest_eigenvalue"])
def test_training_goes_on_bit_for_bit_while_losses_are_differentiated(name):
    """With dropout, batch normalization, momentum, and gradients that add up over two batches."""
    x = torch.cos(torch.arange(120.0)).view(40, 3)
    train, test = (lambda model, rows=rows: model(x[rows]).square().mean() for rows in (slice(20), slice(20, 40)))

    def drawn(model):  # from every generator; its dropout is on, and its normalization takes statistics
        model.train()
        scale = np.random.rand() + random.random()  # noqa: NPY002 (the global state is to be restored)
        return scale * model(x[torch.randperm(40)[:10]]).square().mean()

    measures = {
        "cosine": lambda model: pm.gradients.cosine(train, drawn, model),
        "commutator_defect": lambda model: pm.gradients.commutator_defect(drawn, test, model, lr=0.1),
        "noise_scale": lambda model: pm.gradients.noise_scale([train, drawn, test], model),
        "hessian_trace": lambda model: pm.curvature.hessian_trace(drawn, model, samples=2),
        "largest_eigenvalue": lambda model: pm.curvature.largest_eigenvalue(drawn, model),
    }

    def trained(measure):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 16), nn.BatchNorm1d(16), nn.Tanh(), nn.Dropout(0.5), nn.Linear(16, 1))
        model[0].bias.requires_grad_(False)
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], weight_decay=1.0)
        for step in range(8):
            optimizer.zero_grad()
            for _ in range(2):
                measure(step, model)
                model(torch.randn(8, 3)).square().mean().backward()
            optimizer.step()
        return [*model.state_dict().values(), *(p.grad for p in model.parameters() if p.requires_grad)]

    expected = trained(lambda *_: None)
    recorder = pm.Recorder({"x": measures[name]}, every=2)
    for measure in (recorder, lambda _, model: measures[name](model)):
        assert all(map(torch.equal, trained(measure), expected))
    assert torch.isfinite(recorder.trajectory["x"]).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_random_state_of_a_gpu_is_what_it_was():
    model = nn.Linear(2, 2, device="cuda")
    before = torch.cuda.get_rng_state()
    pm.Recorder({"x": lambda model: torch.rand(3, device="cuda") @ model.weight.new_ones(3)})(0, model)
    assert torch.equal(torch.cuda.get_rng_state(), before)


# ---------------------------------------------------------------------------------------------------------------------
# Rules


def test_log_spaced_steps():
    steps = [*filter(pm.log_spaced(10), range(100_001))]
    assert steps[0] == 0
    assert {10**power for power in range(6)} <= set(steps)
    per_decade = [sum(10**power < step <= 10 ** (power + 1) for step in steps) for power in range(5)]
    assert per_decade[2:] == [10, 10, 10]
    assert max(per_decade) == 10


def test_square_root_spaced_steps():
    steps = [*filter(pm.sqrt_spaced(40_000, 40), range(40_001))]
    assert (len(steps), steps[0], steps[-1]) == (40, 0, 40_000)
    assert (np.diff(steps, 2) >= 0).all()
    assert [step for step in range(9) if pm.sqrt_spaced(3)(step)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pm.log_spaced(0), "`per_decade` must be at least 1. Got 0."),
        (lambda: pm.sqrt_spaced(0), "`last` must be at least 1. Got 0."),
        (lambda: pm.sqrt_spaced(5, 1), "`count` must be at least 2. Got 1."),
    ],
)
def test_rules_check_their_arguments(call, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 (matched below)
        call()
    assert str(caught.value) == message


# ---------------------------------------------------------------------------------------------------------------------
# Files

VALUES = {
    0: {"x": 4.7, "vector": [1 / 3, NAN], "table": [[1e-300, -0.0]]},
    10: {"x": float("inf"), "vector": [5e-324, 1e308], "table": [[0.1, 3.0]]},
    20: {"x": -float("inf"), "vector": [0.1 + 0.2, 2.0], "table": [[7.0, 8.0]]},
}


def recorded(path, steps=VALUES, values=VALUES):
    recorder = pm.Recorder(values.__getitem__, every=10, path=path)
    for step in steps:
        recorder(step, step)
    return recorder


def test_a_file_holds_every_bit(tmp_path):
    recorder = recorded(tmp_path / "run.jsonl")
    assert same(pm.load_recording(tmp_path / "run.jsonl"), recorder.trajectory)
    assert same(pm.load_recording(str(tmp_path / "run.jsonl")), recorder.trajectory)
    assert recorder.trajectory["vector"][2].tolist() == [0.1 + 0.2, 2.0]


def test_each_step_is_on_disk_when_the_call_returns(tmp_path):
    path = tmp_path / "run.jsonl"
    recorder = recorded(path, [])
    for count, step in enumerate(VALUES, start=1):
        recorder(step, step)
        assert len(pm.load_recording(path)) == count


def test_a_new_recorder_goes_on(tmp_path):
    path = tmp_path / "run.jsonl"
    recorded(path, [0, 10])
    again = recorded(path, [20])
    assert same(again.trajectory, recorded(None).trajectory)
    assert same(pm.load_recording(path), again.trajectory)


@pytest.mark.parametrize("from_step", [0, 10, 20])
def test_a_run_that_goes_back_overwrites_in_the_file_too(tmp_path, from_step):
    path = tmp_path / "run.jsonl"
    recorded(path)
    values = {step: {"x": 0.0, "vector": [0.0, 0.0], "table": [[step, 0.0]]} for step in VALUES}
    again = recorded(path, [from_step], values)
    assert again.trajectory.steps.tolist() == list(range(0, from_step + 1, 10))
    assert again.trajectory["table"][-1].tolist() == [[from_step, 0]]
    assert same(pm.load_recording(path), again.trajectory)


def test_a_file_cut_off_anywhere_is_resumed_with_its_whole_lines(tmp_path):
    whole, path = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    trajectory = recorded(whole).trajectory
    data = whole.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        count = data[: length + 1].count(b"\n")  # without its line feed a line is whole too
        if count > 0:
            assert pm.load_recording(path).steps.tolist() == [0, 10, 20][:count]
            assert path.stat().st_size == length  # reading a run that goes on does not touch it
        resumed = recorded(path, [0, 10, 20][count:])
        assert same(resumed.trajectory, trajectory)
        assert same(pm.load_recording(path), trajectory)


def test_a_step_that_cannot_be_measured_is_not_in_the_file(tmp_path):
    path = tmp_path / "run.jsonl"
    recorded(path, [0])
    with pytest.raises(KeyError):
        recorded(path, [30])
    assert pm.load_recording(path).steps.tolist() == [0]


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path):
    with pytest.raises(FileNotFoundError):
        pm.Recorder({"x": float}, path=tmp_path / "runs" / "run.jsonl")
    with pytest.raises(FileNotFoundError):
        pm.load_recording(tmp_path / "run.jsonl")


def test_a_file_without_a_step_has_no_trajectory(tmp_path):
    pm.Recorder({"x": float}, path=tmp_path / "run.jsonl")
    with pytest.raises(ValueError, match="must hold at least one step"):
        pm.load_recording(tmp_path / "run.jsonl")


# ---------------------------------------------------------------------------------------------------------------------
# The usual set


class Embedded(nn.Module):
    """A small network on pairs, with more tokens than the operation has elements."""

    def __init__(self, tokens, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.embed = nn.Embedding(tokens, 6)
            self.dropout = nn.Dropout(0.5)
            self.out = nn.Linear(6, tokens)

    def forward(self, pairs):
        return self.out(self.dropout(self.embed(pairs).prod(1)))


class Positions(Embedded):
    """The same with logits at two positions, the last of which is read."""

    def forward(self, pairs):
        return torch.stack([torch.zeros(len(pairs), self.out.out_features), super().forward(pairs)], dim=1)


OPS = [pm.addition(7), pm.multiplication(7), pm.subtraction(8), pm.groups.symmetric_group(3)]


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_number_is_that_of_its_own_function(op):
    model, train, keys = Embedded(10), random_mask(op.n), op.frequencies[-2:]
    weights = {"W_E": "embed.weight", "W_U": lambda model: model.out.weight[op.elements]}
    found = pm.grokking_measures(None, op, keys, train, weights=weights)(model)
    logits = pm.grid_logits(model, op)
    means = torch.stack([logits[op.table == s].mean(0, dtype=torch.float64) for s in range(op.n)])
    expected = vars(pm.measure(logits, op, keys, train_mask=train)) | {
        "key_frequencies": torch.tensor([float(k in keys) for k in op.frequencies]),
        "logit_power": pm.spectrum(means - means.mean(1, keepdim=True), op),
        "gini_logits": pm.gini(pm.logit_spectrum(logits, op).sqrt()),
        "gini_W_E": pm.gini(pm.spectrum(model.embed.weight[op.elements], op).sqrt()),
        "gini_W_U": pm.gini(pm.spectrum(model.out.weight[op.elements], op).sqrt()),
        "sum_squared_weights": pm.sum_squared_weights(model),
    }
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert_close(found[name], value, rtol=1e-12)
        assert not found[name].requires_grad


def test_predict_is_given_the_model_in_evaluation_mode():
    op, train = pm.addition(7), random_mask(7)
    last = pm.grokking_measures(lambda model, pairs: model(pairs)[:, -1], op, [1], train, batch_size=10)
    whole = pm.grokking_measures(None, op, [1], train)(Embedded(7))
    model = Positions(7).train()
    found = last(model)  # not by a recorder, which has a mode of its own
    assert all(module.training for module in model.modules())
    assert all(torch.allclose(found[name], whole[name], rtol=1e-6) for name in whole)


def test_a_wrapped_model_is_measured_as_the_model():
    op, train = pm.addition(7), random_mask(7)
    inner = pm.grokking_measures(None, op, [1], train, weights={"W_E": "embed.weight"})(Embedded(7))
    outer = nn.Sequential(Embedded(7))
    wrapped = pm.grokking_measures(None, op, [1], train, weights={"W_E": "0.embed.weight"})(outer)
    assert all(torch.equal(inner[name], wrapped[name]) for name in inner)


def planted(op, keys, scale=9.0):
    """A model whose logits are known."""
    return nn.Embedding.from_pretrained(scale * learned_logits(op, keys).flatten(0, 1), freeze=False)


def answers(model, pairs, n=11):
    return model(pairs[:, 0] * n + pairs[:, 1])


def test_current_frequencies_are_those_of_the_logits_at_that_step():
    op, train = pm.addition(11), random_mask(11)
    recorder = pm.Recorder(pm.grokking_measures(answers, op, "current", train), every=1)
    for step, keys in enumerate([(1, 4), (2, 5), (3,)]):
        recorder(step, planted(op, keys))
        logits = pm.grid_logits(lambda pairs, keys=keys: answers(planted(op, keys), pairs), op)
        assert set(pm.key_frequencies(pm.logit_spectrum(logits, op), op)) == set(keys)
        assert_close(recorder.trajectory["excluded_loss"][step], pm.excluded_loss(logits, op, keys, mask=train))
    assert recorder.trajectory["key_frequencies"].tolist() == [[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0]]


def test_frequencies_may_be_a_function_of_the_model():
    op, train = pm.addition(11), random_mask(11)
    found = pm.grokking_measures(answers, op, lambda model: [len(model) % 7], train)
    with pytest.raises(TypeError):
        found(planted(op, (1,)))
    found = pm.grokking_measures(answers, op, lambda model: [model.num_embeddings % 7], train)(planted(op, (1,)))
    assert found["key_frequencies"].tolist() == [0, 1, 0, 0, 0]  # 121 modulo 7


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_restricted_losses_are_those_of_a_run_whose_frequencies_were_known(op, tmp_path):
    train, keys = random_mask(op.n), op.frequencies[:2]
    final = pm.Recorder(pm.grokking_measures(None, op, "final", train), every=1, path=tmp_path / "run.jsonl")
    known = pm.Recorder(pm.grokking_measures(None, op, keys, train), every=1)
    for step in range(3):
        numbers = final(step, Embedded(10, seed=step))
        known(step, Embedded(10, seed=step))
        assert not any("answer_means" in name or "restricted" in name for name in numbers)
    assert "excluded_loss" not in final.trajectory
    for source in (final.trajectory, tmp_path / "run.jsonl", str(tmp_path / "run.jsonl")):
        found = pm.add_restricted_loss(source, op, keys, train_mask=train)
        assert set(known.trajectory.columns) - set(found.columns) == {"excluded_loss", "excluded_accuracy"}
        assert set(found.columns) - set(known.trajectory.columns) == {"sufficient_frequencies"}
        for name in set(found.columns) & set(known.trajectory.columns):
            assert_close(found[name], known.trajectory[name], rtol=1e-12)


def test_final_frequencies_are_those_of_the_last_step():
    op, train = pm.addition(11), random_mask(11)
    recorder = pm.Recorder(pm.grokking_measures(answers, op, "final", train), every=1)
    for step, keys in enumerate([(1, 4), (2, 5)]):
        recorder(step, planted(op, keys))
    found = pm.add_restricted_loss(recorder.trajectory, op, train_mask=train)
    assert found["key_frequencies"].tolist() == [[0, 1, 0, 0, 1]] * 2
    assert found["restricted_loss"][0] > 1 > found["restricted_loss"][1]
    assert found["restricted_accuracy"].tolist()[1] == 1.0


def measured_elsewhere(measure, model):
    return {name: value.tolist() for name, value in measure(model).items()}


@pytest.mark.filterwarnings("ignore:No frequency is key")
def test_the_usual_set_can_be_sent_to_a_process():
    op, model = pm.addition(7), Embedded(7)
    measure = pm.grokking_measures(None, op, "current", random_mask(7), weights={"W_E": "embed.weight"})
    here = measured_elsewhere(measure, model)
    assert measured_elsewhere(pickle.loads(pickle.dumps(measure)), model) == here
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = pool.submit(measure, model).result(timeout=120)
    assert {name: value.tolist() for name, value in there.items()} == here


@pytest.mark.parametrize("every", [10, pm.log_spaced(1), pm.sqrt_spaced(20, 3)], ids=["number", "log", "sqrt"])
def test_a_recorder_can_be_pickled_and_goes_on(every, tmp_path):
    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=every, path=tmp_path / "run.jsonl")
    recorder(0, nn.Linear(2, 2))
    copied = pickle.loads(pickle.dumps(recorder))
    whole = pm.Recorder({"weights": pm.sum_squared_weights}, every=every)
    for step in range(21):
        whole(step, nn.Linear(2, 2))
        if step > 0:
            copied(step, nn.Linear(2, 2))
    assert copied.trajectory.steps.tolist() == whole.trajectory.steps.tolist() != [0]
    assert_same(pm.load_recording(tmp_path / "run.jsonl"), copied.trajectory)
    with pytest.raises(RuntimeError, match="must have one writer at a time"):
        recorder.record(21, nn.Linear(2, 2))


OP, TRAIN = pm.addition(7), torch.eye(7) > 0
USUAL = {"predict": None, "op": OP, "frequencies": [1], "train_mask": TRAIN}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"predict": Embedded(7)},
            TypeError,
            "`predict` must be a function of the model and the pairs, or None. Got a module, Embedded. "
            "Pass None, and call the returned function with the model.",
        ),
        ({"predict": 3}, TypeError, "`predict` must be a function of the model and the pairs, or None. Got int."),
        (
            {"predict": lambda pairs: pairs},
            TypeError,
            "`predict` must take the model and the pairs, as `lambda model, pairs: model(pairs)[:, -1]` does. "
            "Got a function of (pairs).",
        ),
        ({"op": 7}, TypeError, "`op` must be an Operation, such as addition(113). Got int."),
        (
            {"frequencies": "last"},
            ValueError,
            "`frequencies` must be frequencies of the operation, 'current', 'final', a rule such as "
            "pm.frequencies.Sufficient(), or a function of the model. "
            "Got 'last'.",
        ),
        (
            {"frequencies": [4]},
            ValueError,
            "`frequencies` must lie in 1..3 for n=7. Got 4. Frequencies k and n-k are the same: pass 3.",
        ),
        ({"train_mask": torch.zeros(7, 7).bool()}, ValueError, "`train_mask` selects no pair."),
        (
            {"weights": "embed.weight"},
            TypeError,
            "`weights` must be a mapping from names to paths or functions. Got str.",
        ),
        ({"weights": {3: "x"}}, TypeError, "`weights` must have strings as names. Got 3 (int)."),
        (
            {"weights": {"W_E": torch.ones(7)}},
            TypeError,
            "`weights['W_E']` must be a path or a function of the model. Got Tensor.",
        ),
        ({"batch_size": 0}, ValueError, "`batch_size` must be at least 1. Got 0."),
    ],
)
def test_arguments_of_the_usual_set_are_checked(arguments, error, message):
    with pytest.raises(error) as caught:
        pm.grokking_measures(**USUAL | arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (
            {"W_E": "embd.weight"},
            ValueError,
            "`weights['W_E']` must be the path of weights of the model. Got 'embd.weight'. "
            "Did you mean 'embed.weight'?",
        ),
        (
            {"W_E": "module.embed.weight"},
            ValueError,
            "`weights['W_E']` must be the path of weights of the model. Got 'module.embed.weight'. "
            "Did you mean 'embed.weight'?",
        ),
        (
            {"b": "embed.weight"},
            ValueError,
            "`embed.weight` must have one row per token of the operation, at least 11. Got shape (9, 6). "
            "Weights with one row per element are given by a function of the model.",
        ),
        ({"W_E": lambda model: model.embed.weight}, ValueError, "`x` must have one entry per element of the operation"),
    ],
)
def test_weights_that_do_not_fit_are_named(weights, error, message):
    op = pm.addition(11)
    measure = pm.grokking_measures(
        lambda _, pairs: torch.zeros(len(pairs), 11), op, [1], random_mask(11), weights=weights
    )
    with pytest.raises(error) as caught:
        measure(Embedded(9))
    assert message in str(caught.value)


def test_the_model_is_a_module():
    with pytest.raises(TypeError, match=r"`model` must be a torch\.nn\.Module\. Got function\."):
        pm.grokking_measures(**USUAL)(lambda pairs: pairs)


def test_restricted_losses_check_the_trajectory():
    recorder = pm.Recorder(pm.grokking_measures(None, OP, "final", TRAIN))
    recorder(0, Embedded(7))
    for trajectory, op, error, message in [
        (3, OP, TypeError, "`trajectory` must be a Trajectory. Got int."),
        (
            pm.Trajectory([0], {"x": [1.0]}),
            OP,
            ValueError,
            "`trajectory` must have the column 'answer_means', which grokking_measures(..., 'final', ...) records. "
            "Got x.",
        ),
        (
            recorder.trajectory,
            pm.addition(5),
            ValueError,
            "`answer_means` must be tables of shape (5, 5). Got (7, 7).",
        ),
        (
            pm.Trajectory([0], {"answer_means": np.full((1, 7, 7), np.nan)}),
            OP,
            ValueError,
            "`answer_means` must be finite. Got 49 non-finite of 49 values, the first (nan) at (step, s, c) (0, 0, 0). "
            "Leave such steps out: pass trajectory.complete(['answer_means']).",
        ),
    ]:
        with pytest.raises(error) as caught:
            pm.add_restricted_loss(trajectory, op, train_mask=random_mask(op.n))
        assert str(caught.value) == message


def test_tables_of_an_operation_of_other_frequencies_are_refused():
    other = pm.groups.symmetric_group(3)
    recorder = pm.Recorder(pm.grokking_measures(None, pm.addition(6), "final", random_mask(6)))
    recorder(0, Embedded(6))
    known, means = (recorder.trajectory[name][0] for name in ("gini_logits", "answer_means"))
    found = pm.gini(pm.spectrum(means, other).sqrt())
    with pytest.raises(ValueError, match="`op` must be the operation that was recorded") as caught:
        pm.add_restricted_loss(recorder.trajectory, other, train_mask=random_mask(6))
    assert str(caught.value) == (
        f"`op` must be the operation that was recorded. Got {other!r}. In its frequencies, the `gini_logits` of the "
        f"tables differ from the recorded ones, such as {found:.6g} where {known:.6g} was recorded."
    )
    alone = recorder.trajectory.select("answer_means")  # beside which nothing tells
    pm.add_restricted_loss(alone, other, [1], train_mask=random_mask(6))


def test_a_write_that_fails_leaves_what_was_recorded(tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / "run.jsonl"
    recorder = pm.Recorder({"x": lambda value: torch.full((1000,), value)}, every=1, path=path)
    recorder(0, 0.5)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, limits[1]))
        with pytest.raises(OSError, match=r"File too large|No space left"):
            recorder(1, 0.25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert pm.load_recording(path).steps.tolist() == [0]
    recorder(2, 0.125)
    assert pm.load_recording(path).steps.tolist() == recorder.trajectory.steps.tolist() == [0, 2]


def test_the_last_step_that_was_recorded():
    recorder = pm.Recorder({"x": float}, every=10)
    assert recorder.last_step is None
    for step in range(25):
        recorder(step, 1.0)
    assert recorder.last_step == 20


class Transposed(torch.nn.Module):
    """An embedding stored as (d_model, vocabulary)."""

    def __init__(self):
        super().__init__()
        self.W_E = torch.nn.Parameter(torch.randn(32, 8, generator=torch.Generator().manual_seed(0)))
        self.out = torch.nn.Linear(32, 8)

    def forward(self, pairs):
        return self.out(self.W_E.T[pairs].sum(1).relu())


def test_weights_with_the_tokens_along_another_axis():
    op, model = pm.addition(7), Transposed()
    options = {"W_E": pm.weight("W_E", dim=1), "last": pm.weight("W_E", dim=-1), "W_U": pm.weight("out.weight")}
    measure = pm.grokking_measures(None, op, [1], op.table < 3, weights=options)
    measured = pickle.loads(pickle.dumps(measure))(model)
    right = pm.gini(pm.spectrum(model.W_E.detach().T[:7], op).sqrt())
    assert_close(measured["gini_W_E"], right, rtol=1e-12)
    assert measured["gini_last"] == measured["gini_W_E"]
    assert_close(measured["gini_W_U"], pm.gini(pm.spectrum(model.out.weight.detach()[:7], op).sqrt()), rtol=1e-12)


def test_square_embeddings_of_a_module_need_no_axis():
    op = pm.addition(7)
    model = torch.nn.Sequential(torch.nn.Embedding(8, 8), torch.nn.Flatten(), torch.nn.Linear(16, 8))
    measured = pm.grokking_measures(None, op, [1], op.table < 3, weights={"W_E": "0.weight"})(model)
    assert_close(measured["gini_W_E"], pm.gini(pm.spectrum(model[0].weight.detach()[:7], op).sqrt()), rtol=1e-12)


@pytest.mark.parametrize("shape", [(23, 16), (25, 16), (27, 64), (23, 28), (24, 512), (23,)])
def test_paths_that_need_no_axis(shape):
    op, model = pm.addition(23), torch.nn.Module()
    model.W = torch.nn.Parameter(torch.randn(shape, generator=torch.Generator().manual_seed(0)))
    measure = pm.grokking_measures(
        lambda _, pairs: torch.zeros(len(pairs), 23), op, [1], op.table < 3, weights={"W": "W"}
    )
    assert_close(measure(model)["gini_W"], pm.gini(pm.spectrum(model.W.detach()[:23], op).sqrt()), rtol=1e-12)


def test_who_looks_tokens_up_has_no_one_hot_ones():
    op, model = (
        pm.addition(7),
        torch.nn.Sequential(torch.nn.Embedding(7, 7), torch.nn.Flatten(), torch.nn.Linear(14, 7)),
    )
    measured = pm.grokking_measures(None, op, [1], op.table < 3, weights={"W_U": "2.weight"})(model)
    assert_close(measured["gini_W_U"], pm.gini(pm.spectrum(model[2].weight.detach(), op).sqrt()), rtol=1e-12)


def test_tables_of_bags_need_no_axis():
    op, model = pm.addition(7), torch.nn.Sequential(torch.nn.EmbeddingBag(8, 8), torch.nn.Linear(8, 14))
    measured = pm.grokking_measures(None, op, [1], op.table < 3, weights={"W_E": "0.weight"})(model)
    assert_close(measured["gini_W_E"], pm.gini(pm.spectrum(model[0].weight.detach()[:7], op).sqrt()), rtol=1e-12)


def test_one_hot_operands_as_the_message_and_the_docstring_say():
    op, angles = pm.addition(13), 2 * torch.pi * torch.arange(13) / 13
    model = torch.nn.Sequential(torch.nn.Linear(26, 13), torch.nn.ReLU(), torch.nn.Linear(13, 13))
    with torch.no_grad():  # a wave of the first operand, two of the second
        model[0].weight[:, :13] = torch.cos(2 * angles + torch.arange(13)[:, None])
        model[0].weight[:, 13:] = torch.cos(3 * angles + torch.arange(13)[:, None]) + torch.cos(5 * angles)
    measured = pm.grokking_measures(
        lambda model, pairs: model(torch.nn.functional.one_hot(pairs, 13).flatten(1).float()),
        op,
        [2],
        op.table < 3,
        weights={"a": pm.weight("0.weight", dim=1), "b": lambda model: model[0].weight[:, 13:26].T},
    )(model)
    assert measured["gini_a"].item() == pytest.approx(5 / 6, abs=1e-4)
    assert measured["gini_b"] == pm.gini(pm.spectrum(model[0].weight.detach()[:, 13:].T, op).sqrt())
    assert measured["gini_b"] < 0.75


def test_weights_of_tokens_that_do_not_begin_at_zero():
    op = pm.addition(5, tokens=range(3, 8))
    model = torch.nn.Sequential(torch.nn.Embedding(9, 4), torch.nn.Flatten(), torch.nn.Linear(8, 9))
    measured = pm.grokking_measures(None, op, [1], op.table < 3, weights={"W_E": "0.weight"})(model)
    assert_close(measured["gini_W_E"], pm.gini(pm.spectrum(model[0].weight.detach()[3:8], op).sqrt()), rtol=1e-12)


def test_a_run_that_diverges_is_recorded_with_nan_and_one_warning(tmp_path):
    def root(model):
        return {"root": torch.tensor(model).sqrt().item() if model >= 0 else fail()}

    def fail():
        raise ValueError("no root")

    path = tmp_path / "run.jsonl"
    recorder = pm.Recorder(root, every=10, path=path, errors="record")
    assert recorder(0, 4.0) == {"root": 2.0}
    message = (
        r"^Step 10 could not be measured: its columns are nan\. Later failures give no warning\. "
        r"ValueError: no root$"
    )
    with pytest.warns(RuntimeWarning, match=message):
        assert recorder(10, -4.0) == {}
    assert recorder(20, -9.0) == {}  # without another warning, which would be an error here
    assert recorder(30, 9.0) == {"root": 3.0}
    assert recorder.last_step == 30
    for trajectory in (recorder.trajectory, pm.load_recording(path), pm.Recorder(root, path=path).trajectory):
        assert trajectory.steps.tolist() == [0, 10, 20, 30]
        assert trajectory["root"].isnan().tolist() == [False, True, True, False]


def test_columns_that_change_are_recorded_as_an_error():
    recorder = pm.Recorder(lambda model: {"x": torch.ones(model)}, every=1, errors="record")
    recorder(0, 2)
    with pytest.warns(RuntimeWarning, match="Step 1 could not be measured"):
        recorder(1, 3)
    assert recorder.trajectory["x"].isnan().tolist() == [[False, False], [True, True]]
    with pytest.raises(ValueError, match=r"^`errors` must be one of 'raise', 'record'\. Got 'warn'\.$"):
        pm.Recorder({"x": len}, errors="warn")


def test_logits_that_are_not_finite_do_not_end_a_training():
    op, model = pm.addition(5), torch.nn.Sequential(torch.nn.Embedding(5, 3), torch.nn.Flatten(), torch.nn.Linear(6, 5))
    recorder = pm.Recorder(pm.grokking_measures(None, op, [1], op.table < 2), every=1, errors="record")
    recorder(0, model)
    with torch.no_grad():
        model[2].bias[0] = torch.inf
    with pytest.warns(RuntimeWarning, match=r"`logits` must be finite\. Got 25 non-finite"):
        recorder(1, model)
    assert recorder.last_step == 1
    assert recorder.trajectory["train_loss"].isnan().tolist() == [False, True]


def test_a_relative_path_is_the_same_file_after_the_folder_has_changed(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    recorder = pm.Recorder({"x": float}, every=1, path="run.jsonl")
    recorder(0, 1.0)
    monkeypatch.chdir(tmp_path / "elsewhere")
    recorder(1, 2.0)
    recorder(0, 3.0)  # goes back, which is written too
    assert [file.name for file in tmp_path.rglob("*.jsonl")] == ["run.jsonl"]
    assert pm.load_recording(tmp_path / "run.jsonl")["x"].tolist() == [3.0]
    assert not list((tmp_path / "elsewhere").iterdir())
