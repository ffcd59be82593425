from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests import _oracle
from tests._asserts import assert_close
from tests._planted import random_logits
from tests._traces import count_hooks

TERMS = ["sum", "product", "polynomial"]


def double(activation):
    return 2 * activation


class Residual(nn.Module):
    """x -> unembed(x + mlp(x)), every number a small integer."""

    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 3, bias=False), nn.ReLU(), nn.Linear(3, 2, bias=False))
        self.unembed = nn.Linear(2, 1, bias=False)
        self.unused = nn.Linear(2, 2)
        with torch.no_grad():
            self.mlp[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]]))
            self.mlp[2].weight.copy_(torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0]]))
            self.unembed.weight.copy_(torch.tensor([[1.0, 10.0]]))

    def forward(self, x):
        return self.unembed(x + self.mlp(x))


X = torch.tensor([[1.0, 2.0], [3.0, -1.0]])
# mlp.0: [1, 2, 1], [3, -1, -4]; mlp.1: [1, 2, 1], [3, 0, 0]; mlp: [3, 6], [3, 0].


def ablated(model, paths):
    return pm.ablated(model, dict.fromkeys(paths, double))


each_context = pytest.mark.parametrize("context", [pm.captured, ablated])


@pytest.fixture
def model():
    return Residual()


@pytest.mark.parametrize(
    ("path", "replacement", "expected"),
    [
        pytest.param("mlp", torch.clone, [84.0, -4.0], id="nothing"),
        pytest.param("mlp", pm.zero_ablation(), [21.0, -7.0], id="zero"),
        pytest.param("mlp", pm.mean_ablation(), [21.0 + 33.0, -7.0 + 33.0], id="mean"),
        pytest.param(
            "mlp", pm.resample_ablation(torch.tensor([[5.0, 1.0]])), [21.0 + 15.0, -7.0 + 15.0], id="resample"
        ),
        pytest.param("mlp.1", pm.project_onto(torch.tensor([0.0, 7.0, 0.0])), [21.0 + 60.0, -7.0], id="project onto"),
        pytest.param(
            "mlp.1", pm.project_out(torch.tensor([0.0, 7.0, 0.0])), [21.0 + 3.0, -7.0 + 3.0], id="project out"
        ),
        pytest.param("mlp.0", double, [21.0 + 126.0, -7.0 + 6.0], id="function"),
        pytest.param("", double, [168.0, -8.0], id="the model itself"),
        pytest.param(
            {"mlp.1": double, "unembed": lambda y: y + 1}, None, [21.0 + 126.0 + 1, -7.0 + 6.0 + 1], id="several"
        ),
    ],
)
def test_ablated_model_computes(model, path, replacement, expected):
    with pm.ablated(model, path, replacement) as same:
        assert same is model
        assert model(X).flatten().tolist() == pytest.approx(expected)
    assert model(X).flatten().tolist() == [84.0, -4.0]


def test_contexts_nest(model):
    with pm.ablated(model, "mlp", double):
        with pm.ablated(model, "mlp", lambda activation: activation + 1):
            # Replacements are applied in the order of the contexts: 2 * mlp + 1.
            assert model(X).flatten().tolist() == [21.0 + 126.0 + 11.0, -7.0 + 6.0 + 11.0]
        assert model(X).flatten().tolist() == [21.0 + 126.0, -7.0 + 6.0]
    assert count_hooks(model) == 0


def test_captured_sees_what_the_contexts_around_it_made(model):
    with pm.captured(model, "mlp") as before, pm.ablated(model, "mlp", double), pm.captured(model, "mlp") as after:
        model(X)
    assert before["mlp"].tolist() == [[3.0, 6.0], [3.0, 0.0]]
    assert torch.equal(after["mlp"], 2 * before["mlp"])


@each_context
@pytest.mark.parametrize("error", [None, ValueError(), KeyboardInterrupt()])
def test_hooks_are_gone_after_the_body(model, context, error):
    with nullcontext() if error is None else pytest.raises(type(error)) as caught, context(model, ["mlp", "unembed"]):
        assert count_hooks(model) >= 2
        model(X)
        if error is not None:
            raise error
    assert count_hooks(model) == 0
    assert error is None or caught.value is error


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_hooks_are_gone_after_an_exception_in_a_replacement(model, error):
    def fail(_):
        raise error

    with pytest.raises(error), pm.ablated(model, {"mlp": fail, "unembed": double}):
        model(X)
    assert count_hooks(model) == 0


@each_context
def test_hooks_are_gone_when_one_cannot_be_added(model, context):
    def refuse(_):
        raise MemoryError

    model.unembed.register_forward_hook = refuse
    with pytest.raises(MemoryError), context(model, ["mlp", "unembed"]):
        pass
    assert count_hooks(model) == 0


@each_context
def test_wrong_path_adds_no_hook(model, context):
    with pytest.raises(ValueError, match="unembd"), context(model, ["mlp", "unembd"]):
        pass
    assert count_hooks(model) == 0


@each_context
def test_hooks_of_the_user_fire_and_stay(model, context):
    seen = []
    model.mlp.register_forward_pre_hook(lambda *_: seen.append("before"))
    model.mlp.register_forward_hook(lambda *_: seen.append("after"))
    with context(model, ["mlp"]):
        model.mlp.register_forward_hook(lambda *_: seen.append("added inside"))
        model(X)
    assert seen == ["before", "after", "added inside"]
    model(X)
    assert seen == ["before", "after", "added inside"] * 2
    assert count_hooks(model) == 3


def test_hook_of_the_user_may_change_what_is_captured_and_replaced(model):
    model.mlp.register_forward_hook(lambda _module, _inputs, output: output + 1)
    with pm.captured(model, "mlp") as activations, pm.ablated(model, "mlp", double):
        output = model(X)
    assert activations["mlp"].tolist() == [[4.0, 7.0], [4.0, 1.0]]
    assert output.flatten().tolist() == [21.0 + 2 * 74.0, -7.0 + 2 * 14.0]


@each_context
def test_submodule_that_is_never_called_is_an_error_on_leaving(model, context):
    silent = context(model, ["mlp", "unused"])
    silent.__enter__()
    model(X)
    with pytest.raises(RuntimeError, match="The submodule 'unused' must be called inside the context"):
        silent.__exit__(None, None, None)
    assert count_hooks(model) == 0


@each_context
def test_silent_hook_does_not_hide_the_error_of_the_body(model, context):
    with pytest.raises(ZeroDivisionError), context(model, ["unused"]):
        raise ZeroDivisionError


def test_activations_cannot_be_read_before_there_are_any(model):
    with pm.captured(model, "mlp") as activations:
        with pytest.raises(RuntimeError, match="The submodule 'mlp' must be called inside the context"):
            activations["mlp"]
        model(X)
        assert activations["mlp"].shape == (2, 2)


def test_membership_does_not_need_a_call(model):
    with pm.captured(model, "mlp") as activations:
        found = "mlp" in activations, "mpl" in activations
        model(X)
    assert found == (True, False)


def test_captured_is_a_mapping_from_each_path(model):
    with pm.captured(model, ("mlp.1", "", "mlp.1")) as activations:
        output = model(X)
    assert list(activations) == ["mlp.1", ""]
    assert len(activations) == 2
    assert activations["mlp.1"].tolist() == [[1.0, 2.0, 1.0], [3.0, 0.0, 0.0]]
    assert torch.equal(activations[""], output)
    with pytest.raises(KeyError, match=r"`path` must be one that was captured. Got 'mlp'. Did you mean 'mlp.1'"):
        activations["mlp"]


def test_captured_joins_calls_in_order(model):
    with pm.captured(model, "mlp") as activations:
        model(X[:1])
        assert activations["mlp"].tolist() == [[3.0, 6.0]]
        model(X[1:])
    assert activations["mlp"].tolist() == [[3.0, 6.0], [3.0, 0.0]]
    model(X)
    assert len(activations["mlp"]) == 2
    assert repr(activations) == "Activations('mlp')"


def test_captured_joins_the_batches_of_the_grid():
    op = pm.addition(5)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 5))
    with pm.captured(model, "1") as activations:
        pm.grid_logits(model, op, batch_size=7)
    assert torch.equal(activations["1"], model[:2](op.inputs))


def test_captured_is_a_copy_that_work_in_place_does_not_change():
    model = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    x = torch.tensor([[-1.0, 2.0]])
    with pm.captured(model, ["0", "1"]) as activations:
        model(x)
    x.zero_()
    assert activations["0"].tolist() == [[-1.0, 2.0]]
    assert activations["1"].tolist() == [[0.0, 2.0]]


def test_captured_is_detached_and_leaves_the_graph_alone(model):
    with pm.captured(model, "mlp") as activations:
        output = model(X)
    assert not activations["mlp"].requires_grad
    output.sum().backward()
    assert model.mlp[0].weight.grad.any()


REPLACEMENTS = {
    "zero": pm.zero_ablation(),
    "mean": pm.mean_ablation(),
    "resample": pm.resample_ablation(torch.ones(3, 2)),
    "project onto": pm.project_onto(torch.ones(2)),
    "project out": pm.project_out(torch.ones(2)),
}


@pytest.mark.parametrize("replacement", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_replacement_leaves_the_activation_as_it_was(replacement):
    activation = X.clone()
    replacement(activation)
    assert torch.equal(activation, X)


@pytest.mark.parametrize("name", REPLACEMENTS)
def test_what_comes_next_may_work_in_place(name):
    model = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    with pm.ablated(model, "0", REPLACEMENTS[name]):
        output = model(-X)
    assert torch.equal(output, REPLACEMENTS[name](-X).relu())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize(
    "replacement",
    [
        lambda activation: activation.double() / 3,
        lambda activation: torch.ones(activation.shape, dtype=torch.int64),
        pm.mean_ablation(),
        pm.resample_ablation(torch.ones(3, 2, dtype=torch.float64)),
        pm.project_onto(torch.tensor([1.0, 1.0], dtype=torch.float64)),
    ],
    ids=["float64", "int64", "mean", "resample", "project"],
)
def test_replacement_is_cast_to_the_dtype_of_the_output(replacement, dtype):
    model = nn.Sequential(nn.Linear(2, 2), nn.Identity()).to(dtype)
    with pm.ablated(model, "0", replacement):
        assert model(X.to(dtype)).dtype == dtype


def test_mean_is_that_of_each_feature_over_the_first_axis():
    activation = torch.arange(12.0).reshape(2, 3, 2)
    assert pm.mean_ablation()(activation).tolist() == [[[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]] * 2


# ---------------------------------------------------------------------------------------------------------------------
# Resampling

SOURCE = torch.arange(40.0).reshape(10, 2, 2)


def test_resample_draws_rows_of_the_source():
    drawn = pm.resample_ablation(SOURCE)(torch.zeros(200, 2, 2))
    assert drawn.shape == (200, 2, 2)
    rows = {tuple(row.flatten().tolist()) for row in drawn}
    # All ten rows are among 200 draws but once in 10^8, and the draw is fixed.
    assert rows == {tuple(row.flatten().tolist()) for row in SOURCE}


def test_resample_is_determined_by_the_seed():
    zeros = torch.zeros(50, 2, 2)
    one, same, other = (pm.resample_ablation(SOURCE, seed=seed) for seed in (1, 1, 2))
    first, second = one(zeros), one(zeros)
    assert not torch.equal(first, second)
    assert torch.equal(same(zeros), first)
    assert torch.equal(same(zeros), second)
    assert not torch.equal(other(zeros), first)


def test_resample_leaves_the_global_generator_alone():
    before = torch.get_rng_state()
    pm.resample_ablation(SOURCE)(torch.zeros(50, 2, 2))
    assert torch.equal(torch.get_rng_state(), before)


def test_resample_is_not_moved_by_the_global_seed():
    with torch.random.fork_rng():
        draws = []
        for seed in (0, 1):
            torch.manual_seed(seed)
            draws.append(pm.resample_ablation(SOURCE)(torch.zeros(50, 2, 2)))
    assert torch.equal(*draws)


# ---------------------------------------------------------------------------------------------------------------------
# Projections on directions

# The first two are neither orthogonal nor of unit length, the third depends on them.
DIRECTIONS = torch.tensor([[1.0, 2.0, 0.0, -1.0], [3.0, 0.0, 1.0, 1.0], [4.0, 2.0, 1.0, 0.0]], dtype=torch.float64)
SPANS = {
    "one axis": torch.tensor([0.0, 3.0, 0.0, 0.0], dtype=torch.float64),
    "one direction": DIRECTIONS[0],
    "one row": DIRECTIONS[:1],
    "oblique": DIRECTIONS[:2],
    "dependent": DIRECTIONS,
    "opposite": torch.stack([DIRECTIONS[0], -1e-3 * DIRECTIONS[0]]),
    "with a zero row": torch.stack([DIRECTIONS[0], torch.zeros(4, dtype=torch.float64)]),
    "more than features": torch.cat([DIRECTIONS, 2 * DIRECTIONS]),
    "tiny": 1e-20 * DIRECTIONS,
}
ACTIVATION = random_logits(4)[:3]

each_span = pytest.mark.parametrize("directions", SPANS.values(), ids=SPANS.keys())


@each_span
def test_projections_add_up_to_the_activation(directions):
    both = pm.project_onto(directions)(ACTIVATION) + pm.project_out(directions)(ACTIVATION)
    assert_close(both, ACTIVATION, rtol=0, atol=1e-14)


@each_span
@pytest.mark.parametrize("project", [pm.project_onto, pm.project_out])
def test_projecting_twice_changes_nothing(project, directions):
    once = project(directions)(ACTIVATION)
    assert_close(project(directions)(once), once, rtol=0, atol=1e-14)


@each_span
def test_projections_agree_with_least_squares(directions):
    rows = torch.atleast_2d(directions)
    matrix = torch.linalg.pinv(rows) @ rows
    assert_close(pm.project_onto(directions)(ACTIVATION), ACTIVATION @ matrix, rtol=0, atol=1e-14)


@each_span
def test_what_is_projected_out_is_orthogonal_to_every_direction(directions):
    unit = torch.atleast_2d(directions) / directions.norm()
    inner = pm.project_out(directions)(ACTIVATION) @ unit.T
    assert_close(inner, torch.zeros_like(inner), rtol=0, atol=1e-14)


@pytest.mark.parametrize("project", [pm.project_onto, pm.project_out])
def test_projections_keep_the_dtype_and_shape(project):
    kept = project(DIRECTIONS)(ACTIVATION.float())
    assert (kept.dtype, kept.shape) == (torch.float32, ACTIVATION.shape)
    assert_close(kept, project(DIRECTIONS)(ACTIVATION), rtol=0, atol=1e-6)


def test_ablated_model_is_differentiable(model):
    with pm.ablated(model, "mlp.1", pm.project_onto(torch.tensor([0.0, 1.0, 0.0]))):
        model(X).sum().backward()
    # Of the hidden units only the second is read, and it fires for the first input alone.
    assert model.mlp[0].weight.grad.tolist() == [[0.0, 0.0], [30.0, 60.0], [0.0, 0.0]]


# ---------------------------------------------------------------------------------------------------------------------
# Projections on frequencies

each_replacement = pytest.mark.parametrize(
    ("project", "filtered"),
    [(pm.project_onto_frequencies, pm.restrict), (pm.project_out_frequencies, pm.exclude)],
    ids=["onto", "out"],
)


@each_replacement
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("make", [pm.addition, pm.subtraction])
@pytest.mark.parametrize(("n", "frequencies"), [(7, [1, 3]), (6, [3]), (5, [])])
def test_as_many_neurons_as_answers_are_filtered_as_logits(project, filtered, terms, make, n, frequencies):
    op, logits = make(n), random_logits(n)
    expected = filtered(logits, op, frequencies, terms=terms).reshape(n * n, n)
    assert_close(project(op, frequencies, terms=terms)(logits.reshape(n * n, n)), expected, rtol=0, atol=1e-13)


@each_replacement
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("count", [1, 3])
def test_fewer_neurons_than_answers(project, filtered, terms, count):
    op, logits = pm.addition(7), random_logits(7)
    expected = filtered(logits, op, [1, 3], terms=terms).reshape(49, 7)[:, :count]
    neurons = logits.reshape(49, 7)[:, :count]
    assert_close(project(op, [1, 3], terms=terms)(neurons), expected, rtol=0, atol=1e-13)


@each_replacement
def test_terms_are_those_of_polynomials_by_default(project, filtered):
    op, logits = pm.addition(5), random_logits(5)
    expected = filtered(logits, op, [2], terms="polynomial").reshape(25, 5)
    assert_close(project(op, [2])(logits.reshape(25, 5)), expected, rtol=0, atol=1e-13)


@each_replacement
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_activations_keep_dtype_and_shape(project, filtered, terms, dtype):
    op, logits = pm.addition(6), random_logits(6)
    activation = logits.reshape(36, 2, 3).to(dtype)  # such as two heads of three neurons
    replaced = project(op, [1], terms=terms)(activation)
    assert (replaced.dtype, replaced.shape) == (dtype, activation.shape)
    expected = filtered(activation.reshape(36, 6), op, [1], terms=terms).to(dtype)
    assert_close(replaced.flatten(), expected.flatten(), rtol=0, atol=1e-3 if dtype == torch.float16 else 1e-6)


@pytest.mark.parametrize("project", [pm.project_onto_frequencies, pm.project_out_frequencies])
@pytest.mark.parametrize("rows", [24, 10, 1])
def test_batch_that_is_not_the_grid_is_an_error(project, rows):
    op = pm.addition(5)
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten())
    with (
        pytest.raises(ValueError, match=rf"one row per pair of the grid \(25\)\. Got shape \({rows}, 4\)\."),
        pm.ablated(model, "1", project(op, [1])),
    ):
        model(op.inputs[:rows])
    assert count_hooks(model) == 0


def test_frequencies_of_a_model_are_projected_in_place_of_its_neurons():
    op = pm.addition(5)
    model = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 5))
    with pm.ablated(model, "3", pm.project_onto_frequencies(op, [2])), pm.captured(model, "3") as kept:
        pm.grid_logits(model, op)
    assert (pm.neuron_spectrum(kept["3"], op)[:, 0] < 1e-10).all()
    with pm.captured(model, "3") as neurons:
        pm.grid_logits(model, op)
    assert_close(kept["3"], pm.project_onto_frequencies(op, [2])(neurons["3"]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("project", [pm.project_onto, pm.project_out])
def test_directions_are_constants(project):
    directions = torch.eye(2).requires_grad_()
    replacement = project(directions)
    x = torch.randn(3, 2, requires_grad=True)
    for _ in range(2):
        replacement(x).sum().backward()
    assert directions.grad is None
    assert torch.isfinite(x.grad).all()


def test_the_users_own_tensor_survives_what_works_in_place():
    own = -torch.ones(2, 2)
    model = nn.Sequential(nn.Identity(), nn.ReLU(inplace=True))
    with pm.ablated(model, "0", lambda _: own):
        model(torch.ones(2, 2))
    assert torch.equal(own, -torch.ones(2, 2))


@pytest.mark.parametrize("n", [5, 6, 13])
def test_each_neuron_becomes_the_polynomial_of_its_own_frequency(n):
    op = pm.addition(n)
    neurons = torch.randn(n * n, 4, dtype=torch.float64).relu() + 1
    kept = pm.project_each_onto_frequency(op, torch.tensor([2, 0, 1, 2]))(neurons)
    a, b = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
    for column, k in ((0, 2), (2, 1), (3, 2)):
        of_a, of_b = ([np.ones((n, n)), *_oracle.waves(n, k, x)] for x in (a, b))
        design = np.stack([(u * v).ravel() for u in of_a for v in of_b], axis=1)
        solution = np.linalg.lstsq(design, neurons[:, column].numpy(), rcond=None)[0]
        assert_close(kept[:, column], design @ solution, rtol=1e-10)
    assert torch.equal(kept[:, 1], neurons[:, 1])


def test_each_onto_its_own_is_all_onto_one_when_all_have_it():
    op = pm.addition(7)
    neurons = torch.randn(49, 3)
    each = pm.project_each_onto_frequency(op, np.array([3, 3, 3]))(neurons)
    assert each.dtype == torch.float32
    torch.testing.assert_close(each, pm.project_onto_frequencies(op, [3])(neurons))
    assert torch.equal(pm.project_each_onto_frequency(op, torch.zeros(3, dtype=torch.int32))(neurons), neurons)


@pytest.mark.parametrize("project", [pm.project_onto, pm.project_out])
def test_projection_about_the_mean_leaves_it_and_projects_the_rest(project):
    x, directions = torch.randn(20, 5, dtype=torch.float64) + 3, torch.randn(2, 5, dtype=torch.float64)
    mean = x.mean(0)
    replaced = project(directions, center="mean")(x)
    assert_close(replaced - mean, project(directions)(x - mean), rtol=1e-9, atol=1e-12)
    assert_close(replaced.mean(0), mean, rtol=1e-12)
    assert_close(project(directions, center="origin")(x), project(directions)(x))
