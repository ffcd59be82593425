"""What is left behind when a context, a measure or a recorder has ended, however it ended: nothing."""

import contextlib
import copy
import gc
import signal
import threading
import tracemalloc
import warnings
import weakref
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse.linalg
import scipy.special  # noqa: F401 (likewise)
import torch
from torch import nn

import progress_measures as pm
from progress_measures import plotting
from progress_measures.ablation.sites import hooked
from tests._traces import traceless
from tests._unchanged import same_files, unchanged

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here

OP = pm.addition(5)
TRAIN = OP.table < 2
MEMORY = Path("/proc/self/statm")


class Model(nn.Module):
    """A model with submodules in different modes, hooks of its own, and a forward pass that may be made to fail."""

    def __init__(self, failure=None):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.mlp = nn.Sequential(nn.Flatten(), nn.Linear(8, 6), nn.Dropout(0.5), nn.ReLU())
        self.unembed = nn.Linear(6, 5)
        self.failure = failure
        self.mlp[1].eval()  # modes of submodules may differ
        self.mlp.register_forward_hook(count)
        self.embed.register_forward_pre_hook(count)
        self.unembed.register_full_backward_hook(count)

    def forward(self, pairs):
        hidden = self.mlp(self.embed(pairs))
        if self.failure is not None:
            self.failure()
        return self.unembed(hidden)


def count(*_):
    """A hook of the user's."""


@pytest.fixture(autouse=True)
def _seeded():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def model():
    return Model()


def interrupt():
    """What Ctrl-C does, for real."""
    signal.raise_signal(signal.SIGINT)


def fail():
    raise ZeroDivisionError


def stop(_activation):
    raise ZeroDivisionError


# ---------------------------------------------------------------------------------------------------------------------
# Contexts

CONTEXTS = {
    "ablated": lambda model: pm.ablated(model, "mlp.3", pm.zero_ablation()),
    "ablated at several": lambda model: pm.ablated(
        model, {"embed": pm.mean_ablation(), pm.input_of("unembed"): pm.zero_ablation()}
    ),
    "ablated by draws": lambda model: pm.ablated(model, "mlp", pm.resample_ablation(torch.ones(3, 6))),
    "ablated by projection": lambda model: pm.ablated(model, "mlp", pm.project_out(torch.ones(6), center="mean")),
    "captured": lambda model: pm.captured(model, "mlp"),
    "captured at several": lambda model: pm.captured(model, ["", "embed", pm.output_of("mlp"), pm.input_of("mlp")]),
}
each_context = pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)


def run(model):
    """A pass that draws no numbers: dropout is off, and everything else as it was."""
    return pm.grid_logits(model, OP)


@each_context
def test_nothing_is_left_of_a_context(model, context):
    with traceless(model), unchanged(model):
        with context(model) as entered:
            run(model)
        del entered


@each_context
@pytest.mark.parametrize("failure", [fail, interrupt], ids=["error", "interrupt"])
def test_nothing_is_left_after_a_forward_pass_that_fails(context, failure):
    model = Model(failure)
    with (
        traceless(model),
        unchanged(model),
        pytest.raises((ZeroDivisionError, KeyboardInterrupt)),
        context(model),
    ):
        run(model)


@each_context
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, GeneratorExit, SystemExit])
def test_nothing_is_left_after_an_error_in_the_body(model, context, error):
    with traceless(model), unchanged(model), pytest.raises(error), context(model):  # noqa: PT012 (the body's own)
        run(model)
        raise error


def test_nothing_is_left_after_a_replacement_that_fails(model):
    for path in ("mlp", {"embed": pm.zero_ablation(), "mlp": stop}):
        replacement = None if isinstance(path, dict) else stop
        with (
            traceless(model),
            unchanged(model),
            pytest.raises(ZeroDivisionError),
            pm.ablated(model, path, replacement),
        ):
            run(model)


def test_nothing_is_left_of_a_context_that_cannot_be_entered(model):
    """The second path is wrong only once a hook for the first could be there."""
    for paths in (["embed", "nowhere"], ["mlp", "mlp.9"], ["embed", 3]):
        with traceless(model), unchanged(model), pytest.raises((TypeError, ValueError)), pm.captured(model, paths):
            pass


@pytest.mark.parametrize("outer", CONTEXTS)
@pytest.mark.parametrize("inner", CONTEXTS)
def test_an_inner_context_leaves_the_outer_one_as_it_was(model, outer, inner):
    with traceless(model), unchanged(model), CONTEXTS[outer](model):
        expected = run(model)
        with traceless(model), CONTEXTS[inner](model):
            run(model)
        again = run(model)
        if outer != "ablated by draws":
            assert torch.equal(again, expected)
        with traceless(model), pytest.raises(ZeroDivisionError), CONTEXTS[inner](model):  # noqa: PT012 (the body's own)
            run(model)
            raise ZeroDivisionError


def test_contexts_may_be_left_in_any_order(model):
    with traceless(model), unchanged(model):
        first, second = pm.captured(model, "mlp"), pm.ablated(model, "mlp", pm.zero_ablation())
        first.__enter__()
        second.__enter__()
        run(model)
        first.__exit__(None, None, None)
        assert (run(model) == model.unembed.bias).all()  # the other one still acts
        second.__exit__(None, None, None)


@each_context
@pytest.mark.parametrize("end", ["closed", "forgotten", "thrown into"])
def test_nothing_is_left_of_a_generator_that_ends_early(model, context, end):
    def each_grid():
        with context(model):
            while True:
                yield run(model)

    with traceless(model), unchanged(model):
        grids = each_grid()
        next(grids)
        assert hooked(model)
        if end == "closed":
            grids.close()
        elif end == "thrown into":
            with pytest.raises(ZeroDivisionError):
                grids.throw(ZeroDivisionError)
        del grids


@each_context
def test_a_copy_that_was_made_inside_of_a_context_is_itself_again_outside(model, context):
    """A copy has copies of the hooks, which nobody takes off."""
    expected = run(model)
    with context(model) as entered:
        run(model)
        copied = copy.deepcopy(model)
    activations = {} if entered is model else entered
    recorded = {site: activation.shape for site, activation in activations.items()}
    assert torch.equal(run(copied), expected)
    assert {site: activation.shape for site, activation in activations.items()} == recorded


def test_contexts_that_are_used_as_decorators_leave_nothing(model):
    with traceless(model), unchanged(model):
        decorated = pm.ablated(model, "mlp", pm.zero_ablation())(run)
        for _ in range(2):
            assert (decorated(model) == model.unembed.bias).all()
    assert not (run(model) == model.unembed.bias).all()


# ---------------------------------------------------------------------------------------------------------------------
# Measures

SETTINGS = {
    "plain": contextlib.nullcontext,
    "without gradients": torch.no_grad,
    "in inference mode": torch.inference_mode,
    "under autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "deterministic": lambda: deterministic(),
    "float64 by default": lambda: by_default(torch.float64),
}


@contextlib.contextmanager
def deterministic():
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(False)


@contextlib.contextmanager
def by_default(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def measures(model, frequencies=(1,)):
    return vars(pm.measure(pm.grid_logits(model, OP, 7), OP, frequencies, train_mask=TRAIN))


def loss(model):
    """A loss that draws its batch, and turns dropout on."""
    model.mlp.train()
    pairs = OP.inputs[torch.randperm(25)[:20]]
    return torch.nn.functional.cross_entropy(model(pairs).float(), pairs.sum(1) % 5)


def other_loss(model):
    return model(OP.inputs).float().square().mean()


def everything(model, folder):
    """By name a function of no argument that runs the model, or measures it."""
    recorded = pm.grokking_measures(None, OP, "current", TRAIN, weights={"W_E": "embed.weight"})
    return {
        "grid_logits": lambda: pm.grid_logits(model, OP),
        "grid_logits in batches": lambda: pm.grid_logits(model, OP, 4, requires_grad=torch.is_grad_enabled()),
        "grid_logits to a file": lambda: pm.grid_logits(model, OP, 4, out=folder / "logits.npy"),
        "grid_logits of a function": lambda: pm.grid_logits(lambda pairs: model(pairs), OP),
        "measure": lambda: measures(model),
        "norms": lambda: (pm.sum_squared_weights(model), pm.parameter_norms(model)),
        "gradient_symmetricity": lambda: pm.circuits.gradient_symmetricity(
            model, OP, model.embed, samples=9, batch_size=4
        ),
        "cosine": lambda: pm.gradients.cosine(loss, other_loss, model),
        "commutator_defect": lambda: pm.gradients.commutator_defect(loss, other_loss, model, lr=0.1),
        "noise_scale": lambda: pm.gradients.noise_scale([loss, other_loss], model),
        "hessian_trace": lambda: pm.curvature.hessian_trace(loss, model, samples=2),
        "largest_eigenvalue": lambda: pm.curvature.largest_eigenvalue(loss, model),
        "track": lambda: pm.track([(0, model)], measures),
        "track with a file": lambda: pm.track([(0, model)], measures, resume=folder / "tracked.jsonl"),
        "Recorder": lambda: pm.Recorder(recorded, every=1)(0, model),
        "Recorder with a file": lambda: pm.Recorder(recorded, every=1, path=folder / "run.jsonl")(0, model),
        "controls": lambda: [
            control(pm.grid_logits(model, OP), OP, [1], train_mask=TRAIN)
            for control in (pm.random_frequency_control, pm.shuffled_label_control)
        ],
    }


NAMES = tuple(everything(None, None))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_of_a_measure(model, tmp_path, name, setting):
    if name in ("grid_logits of a function",):
        model.eval()  # which a function around a model has to do itself
    with SETTINGS[setting](), traceless(model), unchanged(model, OP, TRAIN):
        everything(model, tmp_path)[name]()


@pytest.mark.parametrize("failure", [fail, interrupt], ids=["error", "interrupt"])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "norms"])
def test_nothing_is_left_of_a_measure_that_fails(tmp_path, name, failure):
    model = Model(failure)
    if name == "grid_logits of a function":
        model.eval()
    with traceless(model), unchanged(model, OP, TRAIN), pytest.raises((ZeroDivisionError, KeyboardInterrupt)):
        everything(model, tmp_path)[name]()
    assert [file.name for file in tmp_path.iterdir() if file.stat().st_size] == []


def test_a_recorder_hides_the_draws_of_what_it_measures(model):
    """Dropout draws numbers in a measure that turns it on, and so does a measure that is random itself."""

    def noisy(measured):
        measured.train()
        return {"x": measured(OP.inputs).sum(), "y": torch.rand(())}

    with traceless(model), unchanged(model):
        pm.Recorder(noisy, every=1)(0, model)


def test_nothing_is_left_of_a_picture_on_given_axes():
    from matplotlib.figure import Figure

    trajectory = pm.Trajectory([0, 10], {"test_loss": [2.0, 1.0]})
    phases = pm.Phases(5, None, None)
    with traceless():
        for draw in (
            lambda ax: plotting.plot_curves(trajectory, "test_loss", phases=phases, ax=ax),
            lambda ax: plotting.plot_runs(pm.Runs({"0": trajectory, "1": trajectory}), "test_loss", ax=ax),
            lambda ax: plotting.plot_spectrum(torch.ones(3), ax=ax),
            lambda ax: plotting.plot_grid(torch.ones(3, 3), ax=ax),
            lambda ax: plotting.plot_fourier_grid(torch.ones(3, 3), ax=ax),
            lambda ax: plotting.plot_embedding(torch.eye(5), pm.addition(5), ax=ax),
            lambda ax: plotting.plot_neurons(torch.eye(5), ax=ax),
            lambda ax: plotting.plot_phases({"a": phases}, ax=ax),
            lambda ax: plotting.plot_effects({"mlp": 1.0}, reference=2.0, ax=ax),
            lambda ax: plotting.plot_clock_or_pizza({"a": (0.2, 0.9)}, ax=ax),
        ):
            draw(Figure().subplots())


# ---------------------------------------------------------------------------------------------------------------------
# References and memory


@contextlib.contextmanager
def uncollected():
    """The collector of circles off: what is gone now was held by nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@each_context
def test_a_context_that_was_left_holds_no_model(context):
    with uncollected():
        model = Model()
        alive = weakref.ref(model)
        entered = context(model)
        with entered as yielded:
            run(model)
        kept = None if yielded is model else yielded  # activations outlive the model
        del model, yielded
        assert alive() is None
        del entered, kept


@each_context
def test_a_context_that_failed_holds_no_model(context):
    with uncollected():
        model = Model(fail)
        alive = weakref.ref(model)
        with contextlib.suppress(ZeroDivisionError), context(model):
            run(model)
        del model
        assert alive() is None


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_holds_no_model(name, tmp_path):
    with uncollected():
        model = Model()
        alive = weakref.ref(model)
        result = everything(model, tmp_path)[name]()
        del model
        assert alive() is None
        del result


def test_a_replacement_holds_no_activation():
    replacements = [
        pm.zero_ablation(), pm.mean_ablation(), pm.resample_ablation(torch.ones(2, 3)), pm.project_onto(torch.ones(3)),
        pm.at(0, pm.zero_ablation()), pm.project_onto_frequencies(OP, [1]),
    ]  # fmt: skip
    with uncollected():
        for replacement in replacements:
            activation = torch.ones(25, 3)
            alive = weakref.ref(activation)
            replacement(activation)
            del activation
            assert alive() is None


@pytest.mark.parametrize("name", ["ablated at several", "captured at several"])
def test_ten_thousand_contexts_take_no_memory(name):
    """Neither Python's objects nor PyTorch's tensors, of which each pass makes a few of 40 kB."""
    model = nn.Sequential(nn.Embedding(5, 1000), nn.Identity())
    model.embed, model.mlp, model.unembed = nn.Identity(), nn.Identity(), nn.Identity()
    contexts = {
        "ablated at several": lambda: pm.ablated(model, {"0": torch.neg, pm.input_of("1"): torch.neg}),
        "captured at several": lambda: pm.captured(model, ["0", pm.input_of("1")]),
    }
    x = torch.arange(5).repeat(2)

    def repeat(times):
        with torch.no_grad():
            for _ in range(times):
                with contexts[name]():
                    model[1](model[0](x))

    repeat(500)
    gc.collect()
    resident = resident_bytes()
    repeat(9000)
    grown = resident_bytes() - resident
    tracemalloc.start()
    try:
        repeat(50)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        repeat(500)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500 * 8  # not even an integer per context
    assert grown < 9000 * 1000  # and no tensor, which would be 40 times as much


def resident_bytes():
    if not MEMORY.exists():
        pytest.skip("the system does not tell how much memory is resident")
    return int(MEMORY.read_text().split()[1]) * 4096


# ---------------------------------------------------------------------------------------------------------------------
# Threads


def in_threads(*functions):
    """Runs functions at the same time; what one raises is raised."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    if errors:
        raise errors[0]


def test_two_threads_with_a_model_each_do_not_meet():
    models = [Model(), Model()]
    plain = [run(model) for model in models]
    without = [model.unembed.bias.detach().expand(5, 5, 5) for model in models]

    def work(number):
        def each():
            model = models[number]
            for _ in range(30):
                with pm.ablated(model, "mlp", pm.zero_ablation()), pm.captured(model, "unembed") as activations:
                    assert torch.equal(run(model), without[number])
                assert torch.equal(activations["unembed"].reshape(5, 5, 5), without[number])
                assert torch.equal(run(model), plain[number])

        return each

    with traceless(*models), unchanged(*models):
        in_threads(work(0), work(1))


def test_one_model_in_evaluation_mode_can_be_measured_by_several_threads(tmp_path):
    model = Model().eval()
    expected = run(model)

    def work(number):
        def each():
            for batch_size in (None, 3, 10) * 5:
                assert torch.equal(run(model), expected)
                found = pm.grid_logits(model, OP, batch_size, out=tmp_path / f"{number}.npy")
                torch.testing.assert_close(found, expected)
                measures(model)

        return each

    with traceless(model), unchanged(model):
        in_threads(*map(work, range(4)))


def test_an_interrupt_in_one_of_several_batches_reaches_the_caller_and_leaves_nothing(tmp_path):
    calls = []
    model = Model(lambda: (calls.append(None), len(calls) == 3 and interrupt()))
    path = tmp_path / "logits.npy"
    path.write_bytes(b"before")
    with traceless(model), unchanged(model), same_files(tmp_path), pytest.raises(KeyboardInterrupt):
        pm.grid_logits(model, OP, 5, out=path)
    assert len(calls) == 3


def test_the_filters_of_warnings_are_left_alone_even_for_a_moment(tmp_path, monkeypatch):
    """They are those of all threads: two that change and restore them in turn leave one's change behind."""
    np.save(tmp_path / "logits.npy", np.zeros((5, 5, 5)))

    class Changed(list):
        def insert(self, *_):
            pytest.fail("a filter was added")

    def catch(**_):
        pytest.fail("the filters were replaced")

    with monkeypatch.context() as patch:  # which ends before pytest catches warnings itself
        patch.setattr(warnings, "filters", Changed(warnings.filters))
        patch.setattr(warnings, "catch_warnings", catch)
        for mode in ("r", "r+", "c"):
            pm.cross_entropy(np.load(tmp_path / "logits.npy", mmap_mode=mode), OP)
        for call in everything(Model(), tmp_path).values():
            call()


def test_the_hooks_of_one_model_are_those_of_all_threads():
    """A context is on the model, not on the thread: another thread that runs it meanwhile runs the ablated one."""
    model = Model().eval()
    plain, ablated, left = run(model), threading.Event(), threading.Event()
    seen = {}

    def ablating():
        with pm.ablated(model, "mlp", pm.zero_ablation()):
            run(model)
            ablated.set()
            assert left.wait(30)

    def running():
        assert ablated.wait(30)
        seen["inside"] = run(model)
        left.set()

    with traceless(model), unchanged(model):
        in_threads(ablating, running)
    assert torch.equal(seen["inside"], model.unembed.bias.detach().expand(5, 5, 5))
    assert torch.equal(run(model), plain)


def test_an_error_in_one_thread_leaves_the_model_of_another_hooked():
    models = [Model(fail), Model()]
    failed = threading.Event()

    def failing():
        with contextlib.suppress(ZeroDivisionError), pm.ablated(models[0], "mlp", pm.zero_ablation()):
            run(models[0])
        failed.set()

    def going_on():
        with pm.ablated(models[1], "mlp", pm.zero_ablation()):
            assert failed.wait(30)
            assert (run(models[1]) == models[1].unembed.bias).all()

    with traceless(*models), unchanged(*models):
        in_threads(failing, going_on)
