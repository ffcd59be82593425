"""Which axis of an activation is the batch, and whether it holds all inputs: right, or refused with a remedy."""

import copy
import pickle
import threading

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

import progress_measures as pm
from tests._asserts import assert_raises
from tests._traces import count_hooks

OP = pm.addition(5)  # 25 inputs of 2 tokens
POSITIONS, WIDTH, LAYERS = 3, 4, 2
EQUAL = {"rtol": 1e-12, "atol": 1e-12}


class Host(nn.Module):
    """Embeds two tokens and a third one, runs a core, and reads logits from what it returns, ``(batch, 4)``."""

    def __init__(self, core):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.core, self.read = nn.Embedding(6, WIDTH), core, nn.Linear(WIDTH, 5)
        self.double().eval()

    def forward(self, tokens):
        tokens = torch.cat([tokens, torch.full((len(tokens), 1), 5)], 1)
        return self.read(self.core(self.embed(tokens)))


class Encode(nn.Module):
    """An encoder of PyTorch and the last position of its output."""

    def __init__(self, make, first):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.encoder = first, make(first)

    def forward(self, x):
        x = x if self.first else x.transpose(0, 1)
        x = self.encoder(x, x, x)[0] if isinstance(self.encoder, nn.MultiheadAttention) else self.encoder(x)
        return x[:, -1] if self.first else x[-1]


class Recur(nn.Module):
    """A recurrent layer, and the sum of its last states."""

    def __init__(self, kind, first):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.rnn = first, kind(WIDTH, WIDTH, LAYERS, batch_first=first)

    def forward(self, x):
        states = self.rnn(x if self.first else x.transpose(0, 1))[1]
        return (states[0] if isinstance(states, tuple) else states).sum(0)


class Mine(nn.Module):
    """A module of nobody else's, which has positions first inside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.inner(x.transpose(0, 1)).tanh()[-1]


class Joined(nn.Module):
    """Batch and positions along one axis inside."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.inner(x.flatten(0, 1)).unflatten(0, (-1, POSITIONS)).tanh()[:, -1]


class Placed(nn.Module):
    """Adds embeddings of the positions."""

    def __init__(self):
        super().__init__()
        self.of_positions = nn.Embedding(POSITIONS, WIDTH)

    def forward(self, x):
        return (x + self.of_positions(torch.arange(POSITIONS))).tanh()[:, -1]


def layer(first):
    return nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=0.0, batch_first=first)


def encoder(first):
    return nn.TransformerEncoder(layer(first), 2, enable_nested_tensor=False)


def attention(first):
    return nn.MultiheadAttention(WIDTH, 2, batch_first=first)


def embedded():
    return torch.randn(7, POSITIONS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def logits(model, path, replacement, predict=None, **options):
    with pm.ablated(model, path, replacement):
        return pm.grid_logits(predict or model, OP, **options)


def inside(context, run):
    with context:
        run()


def refused(message, model, path, replacement, predict=None, error=ValueError, **options):
    hooks = count_hooks(model)
    assert_raises(lambda: logits(model, path, replacement, predict, **options), error, message)
    assert count_hooks(model) == hooks


def unfit(of, got, axis, shape, remedy, rows=25):
    return (
        f"The activation of {of} must have one entry per input of the batch ({rows}) along `dim`. "
        f"Got {got} along axis {axis} of shape {shape}. {remedy}"
    )


SPLIT = (
    "No other axis has. If `predict` splits the batch, let it call the model on all 25. If the model calls the "
    "submodule on some inputs only, or on none, pass a function of the rows that it gets, in place of this one."
)
JOINED = (
    "No other axis has. If the model joins inputs and positions in one axis, pass a function that takes them apart, in "
    "place of this one."
)
DOUBTFUL = (
    "`dim` must be given where a layer of the model has its batch along axis 1, as {} has, because other modules may. "
    "Got shape {}. Pass the axis with one entry per input: {}."
)
STATED = (
    "`dim` must be given where a module has its batch along another axis than 0. Got shape {} "
    "from a module that has it along axis 1: pass dim=1."
)
WHOLE = (
    "{} must see all 25 inputs in one pass, because each pass has a mean of its own. Got {} at a time. "
    "Pass batch_size=25."
)
SOME = (
    "`predict` must call '{}' in each batch, because it is replaced or read there. It did in 1 of 3. If the model may "
    "leave it out, such as an expert that no input is sent to, run all inputs at once: batch_size=25. If the model is "
    "compiled, which leaves out hooks, pass it as it was before torch.compile."
)
DIRECTIONS = torch.eye(WIDTH, dtype=torch.float64)[:2]
READERS = {
    "`mean_ablation`": pm.mean_ablation,
    "`resample_ablation`": lambda dim=None: pm.resample_ablation(
        torch.ones((POSITIONS, 9, WIDTH) if dim else (9, POSITIONS, WIDTH), dtype=torch.float64), dim=dim
    ),
    "a projection from the mean": lambda dim=None: pm.project_out(DIRECTIONS, center="mean", dim=dim),
    "a projection from the mean.": lambda dim=None: pm.project_onto(DIRECTIONS, center="mean", dim=dim),
}
each_reader = pytest.mark.parametrize("of", READERS)


def by_hand(of, x, axis):
    """What each reader of the batch makes of an activation."""
    mean = x.mean(axis, keepdim=True)
    kept = torch.cat([x[..., :2], mean.expand_as(x)[..., 2:]], -1)
    removed = torch.cat([mean.expand_as(x)[..., :2], x[..., 2:]], -1)
    return {
        "`mean_ablation`": mean.expand_as(x),
        "`resample_ablation`": torch.ones_like(x),
        "a projection from the mean": removed,
        "a projection from the mean.": kept,
    }[of]


# ---------------------------------------------------------------------------------------------------------------------
# Inside of grid_logits, where the number of inputs is known


@each_reader
@pytest.mark.parametrize("make", [layer, encoder], ids=["layer", "encoder"])
@pytest.mark.parametrize("path", ["core.encoder", "core.encoder.norm"])
def test_encoder_with_positions_first_has_its_batch_along_axis_1(of, make, path):
    model = Host(Encode(make, first=False))
    if path.endswith("norm"):
        path = "core.encoder.norm2" if make is layer else "core.encoder.layers.1.linear2"
    remedy = "Axis 1 has 25: pass dim=1."
    refused(unfit(of.rstrip("."), 3, 0, "(3, 25, 4)", remedy), model, path, READERS[of]())
    seen = {}

    def spy(x):
        seen["x"] = x
        return by_hand(of, x, 1)

    expected = logits(model, path, spy)
    assert seen["x"].shape == (POSITIONS, 25, WIDTH)
    for dim in (1, -2):
        torch.testing.assert_close(logits(model, path, READERS[of](dim=dim)), expected, **EQUAL)


@each_reader
@pytest.mark.parametrize("make", [layer, encoder], ids=["layer", "encoder"])
def test_encoder_with_the_batch_first_needs_no_word(of, make):
    model = Host(Encode(make, first=True))
    expected = logits(model, "core.encoder", lambda x: by_hand(of, x, 0))
    torch.testing.assert_close(logits(model, "core.encoder", READERS[of]()), expected, **EQUAL)
    torch.testing.assert_close(logits(model, "core.encoder", READERS[of](dim=0)), expected, **EQUAL)
    refused(
        unfit(of.rstrip("."), 3, 1, "(25, 3, 4)", "Axis 0 has 25: pass dim=0."), model, "core.encoder",
        pm.mean_ablation(dim=1) if "mean_" in of else READERS[of](dim=1),
    )  # fmt: skip


def test_loss_is_that_of_the_mean_over_inputs_not_over_positions():
    model = Host(Encode(layer, first=False))
    over_inputs = logits(model, "core.encoder", lambda x: x.mean(1, keepdim=True).expand_as(x))
    over_positions = logits(model, "core.encoder", lambda x: x.mean(0, keepdim=True).expand_as(x))
    assert pm.cross_entropy(over_inputs, OP) - pm.cross_entropy(over_positions, OP) != pytest.approx(0, abs=1e-3)
    assert torch.equal(logits(model, "core.encoder", pm.mean_ablation(dim=1)), over_inputs)


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_states_have_the_layers_first_in_either_layout(kind, first):
    model = Host(Recur(kind, first))
    items = (1, 0) if kind is nn.LSTM else (1,)
    for site in (pm.output_of("core.rnn", *items), pm.output_of("core.rnn", -1, *items[1:])):
        of = "`mean_ablation`"
        refused(unfit(of, 2, 0, "(2, 25, 4)", "Axis 1 has 25: pass dim=1."), model, site, pm.mean_ablation())
        result = logits(model, site, pm.mean_ablation(dim=1))
        # The states are all that is read, so every input has the same logits; a mean over layers changed nothing.
        torch.testing.assert_close(result, result[:1, :1].expand_as(result), **EQUAL)
        torch.testing.assert_close(result, logits(model, site, lambda x: x.mean(1, keepdim=True).expand_as(x)), **EQUAL)


def test_module_of_ones_own_is_known_by_its_sizes():
    model = Host(Mine())
    refused(
        unfit("`mean_ablation`", 3, 0, "(3, 25, 4)", "Axis 1 has 25: pass dim=1."),
        model,
        "core.inner",
        pm.mean_ablation(),
    )
    result = logits(model, "core.inner", pm.mean_ablation(dim=1))
    torch.testing.assert_close(result, result[:1, :1].expand_as(result), **EQUAL)


@pytest.mark.parametrize(
    ("core", "path", "shape", "got", "remedy"),
    [(Joined, "inner", "(75, 4)", 75, JOINED), (Placed, "of_positions", "(3, 4)", 3, SPLIT)],
)
def test_activation_without_an_axis_of_the_batch_is_refused_and_a_function_is_taken(core, path, shape, got, remedy):
    model = Host(core())
    refused(unfit("`mean_ablation`", got, 0, shape, remedy), model, f"core.{path}", pm.mean_ablation())
    remedy = logits(model, f"core.{path}", lambda x: x.mean(0, keepdim=True).expand_as(x))
    mean = calls_of(model, f"core.{path}", lambda: pm.grid_logits(model, OP)).mean(0)
    torch.testing.assert_close(remedy, logits(model, f"core.{path}", lambda x: mean.expand_as(x)), **EQUAL)
    # What reads no batch is not asked for one.
    assert logits(model, f"core.{path}", pm.zero_ablation(), batch_size=10).shape == (5, 5, 5)
    assert logits(model, f"core.{path}", pm.project_out(DIRECTIONS), batch_size=10).shape == (5, 5, 5)


def test_two_axes_that_fit_have_to_be_told_apart():
    op = pm.operation(lambda a: a, range(3), answers=3)
    model = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(), nn.Unflatten(1, (1, 4)), nn.Flatten(), nn.Linear(4, 9))
    model.append(nn.Unflatten(1, (3, 3))).append(nn.Flatten()).append(nn.Linear(9, 3))

    def run(replacement):
        with pm.ablated(model, "5", replacement):
            return pm.grid_logits(model, op)

    assert_raises(
        lambda: run(pm.mean_ablation()), ValueError,
        "`dim` must be given where several axes have as many entries as the batch (3). Got shape (3, 3, 3). "
        "Pass dim=0 or dim=1.",
    )  # fmt: skip
    torch.testing.assert_close(
        run(pm.mean_ablation(dim=0)), run(lambda x: x.mean(0, keepdim=True).expand_as(x)), rtol=0, atol=0
    )


# ---------------------------------------------------------------------------------------------------------------------
# Inside of grid_logits, in batches


@pytest.mark.parametrize("options", [{"batch_size": 10}, {"batch_size": 24}, {"batch_size": 10, "out": "logits.npy"}])
@pytest.mark.parametrize(
    ("what", "replacement"),
    [
        ("`mean_ablation`", pm.mean_ablation()),
        ('`center="mean"`', pm.project_out(DIRECTIONS, center="mean")),
        ('`center="mean"`', pm.project_onto(DIRECTIONS, center="mean")),
        ("`mean_ablation`", pm.at((slice(None), 0), pm.mean_ablation())),
    ],
)
def test_means_over_batches_are_refused(tmp_path, monkeypatch, options, what, replacement):
    monkeypatch.chdir(tmp_path)
    model = Host(Encode(layer, first=True))
    refused(WHOLE.format(what, options["batch_size"]), model, "core.encoder", replacement, **options)
    assert [*tmp_path.iterdir()] == []
    # The remedy.
    remedy = logits(model, "core.encoder", replacement, **options | {"batch_size": 25})
    torch.testing.assert_close(remedy, logits(model, "core.encoder", replacement), rtol=0, atol=0)


def test_rows_drawn_for_batches_are_those_drawn_for_all():
    model = Host(Encode(layer, first=True))
    source = torch.randn(9, POSITIONS, WIDTH, dtype=torch.float64)
    whole = logits(model, "core.encoder", pm.resample_ablation(source, seed=3))
    generator = torch.Generator().manual_seed(3)
    chosen = torch.randint(9, (25,), generator=generator)
    assert torch.equal(whole, logits(model, "core.encoder", lambda _: source[chosen]))
    assert logits(model, "core.encoder", pm.resample_ablation(source), batch_size=10).shape == (5, 5, 5)


def halves(model):
    return lambda tokens: torch.cat([model(piece) for piece in tokens.split((len(tokens) + 1) // 2)])


class Full(nn.Module):
    """Passes on 13 rows at most, as if memory were full with more."""

    def forward(self, x):
        if len(x) > 13:
            raise RuntimeError("memory is full")
        return x


def retrying(model):
    def predict(tokens):
        try:
            return model(tokens)
        except RuntimeError:
            return halves(model)(tokens)

    return predict


@pytest.mark.parametrize("make", [halves, retrying])
def test_predict_that_splits_its_batch_is_refused_and_the_remedy_is_taken(make):
    model = Host(Encode(layer, first=True))
    model.read.register_forward_pre_hook(lambda _module, args: Full()(args[0]))
    for replacement in (pm.mean_ablation(), pm.resample_ablation(torch.ones(9, POSITIONS, WIDTH).double())):
        of = repr(replacement).split("(")[0]
        message = unfit(f"`{of}`", 13, 0, "(13, 3, 4)", SPLIT)
        refused(message, model, "core.encoder", replacement, make(model))
    mean = torch.zeros(POSITIONS, WIDTH, dtype=torch.float64)
    assert logits(model, "core.encoder", lambda x: mean.expand_as(x), make(model)).shape == (5, 5, 5)


def expert(model):
    """A predict that leaves out ``core`` where no first token is 0."""

    def predict(tokens):
        x = model.embed(tokens)
        return model.read(model.core(x) if bool((tokens[:, 0] == 0).any()) else x[:, 0])

    return predict


@pytest.mark.parametrize("out", [None, "logits.npy"])
@pytest.mark.parametrize("context", ["ablated", "captured"])
def test_module_that_is_called_in_some_batches_only_is_an_error(tmp_path, context, out):
    model = Host(nn.Sequential(nn.Flatten(), nn.Linear(2 * WIDTH, WIDTH)))
    predict = expert(model)
    out = None if out is None else tmp_path / out

    def run(**options):
        hooks = pm.captured(model, "core") if context == "captured" else pm.ablated(model, "core", pm.zero_ablation())
        with hooks:
            return pm.grid_logits(predict, OP, out=out, **options)

    assert_raises(
        lambda: run(batch_size=10), RuntimeError,
        SOME.format("core"),
    )  # fmt: skip
    assert not any(tmp_path.iterdir())
    assert run(batch_size=25).shape == (5, 5, 5)


class Routed(nn.Module):
    """Sends the inputs with a first token above 1 to an expert."""

    def __init__(self):
        super().__init__()
        self.expert = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        x, sent = x.sum(1), x[:, 0, 0] > x[:, 0, 0].median()
        return x.index_put((sent,), self.expert(x[sent]))


@pytest.mark.parametrize("of", ["`mean_ablation`", "`resample_ablation`"])
def test_expert_is_refused_and_a_function_of_its_rows_is_taken(of):
    model = Host(Routed())
    source = torch.ones(9, WIDTH, dtype=torch.float64)
    made, function = {
        "`mean_ablation`": (pm.mean_ablation(), lambda x: x.mean(0, keepdim=True).expand_as(x)),
        "`resample_ablation`": (pm.resample_ablation(source), lambda x: source[torch.randint(9, (len(x),))]),
    }[of]
    refused(unfit(of, 10, 0, "(10, 4)", SPLIT), model, "core.expert", made)
    if "mean" in of:
        refused(WHOLE.format(of, 10), model, "core.expert", made, batch_size=10)
    assert logits(model, "core.expert", function).shape == (5, 5, 5)


@pytest.mark.parametrize("size", [22, 11])
def test_last_batch_with_as_many_inputs_as_positions_is_told_by_those_before(size):
    model = Host(Encode(layer, first=True))
    source = torch.ones(9, POSITIONS, WIDTH, dtype=torch.float64)
    expected = logits(model, "core.encoder", pm.resample_ablation(source))
    actual = logits(model, "core.encoder", pm.resample_ablation(source), batch_size=size)
    torch.testing.assert_close(actual, expected, **EQUAL)
    whole = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))
    batches = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP, batch_size=size))
    torch.testing.assert_close(batches, whole, **EQUAL)


def test_batches_that_all_have_as_many_inputs_as_positions_are_not_told():
    op = pm.parity(3, of=(0, 1))
    model = nn.Sequential(nn.Embedding(2, 4), nn.Flatten(), nn.Linear(12, 2))
    ambiguous = "`dim` must be given where several axes have as many entries as the batch (3). Got shape (3, 3, 4). "
    source = torch.ones(9, 3, 4)

    def run(dim=None):
        with pm.ablated(model, "0", pm.resample_ablation(source, dim=dim)):
            return pm.grid_logits(model, op, batch_size=3)

    assert_raises(run, ValueError, f"{ambiguous}Pass dim=0 or dim=1.")
    assert run(dim=0).shape == (2, 2, 2, 2)
    # What is read at the end, the last batch with 2 inputs tells.
    actual = calls_of(model, "0", lambda: pm.grid_logits(model, op, batch_size=3))
    torch.testing.assert_close(actual, model[0](op.inputs), **EQUAL)


def test_context_that_predict_enters_itself_is_its_own():
    model = Host(Encode(layer, first=True))

    def predict(tokens):
        with pm.ablated(model, "core.encoder", pm.zero_ablation()), pm.captured(model, "core"):
            return model(tokens)

    expected = logits(model, "core.encoder", pm.zero_ablation())
    torch.testing.assert_close(pm.grid_logits(predict, OP, batch_size=10), expected, **EQUAL)


# ---------------------------------------------------------------------------------------------------------------------
# Outside, where only the class of a module may tell


@each_reader
@pytest.mark.parametrize("path", ["encoder", "encoder.norm1", pm.input_of("encoder", 0)])
def test_layout_is_known_from_the_class_of_the_module_or_of_one_around_it(of, path):
    core, x = Encode(layer, first=False).double(), embedded()
    assert_raises(
        lambda: inside(pm.ablated(core, path, READERS[of]()), lambda: core(x)), ValueError, STATED.format("(3, 7, 4)")
    )
    with pm.ablated(core, path, READERS[of](dim=1)):
        actual = core(x)
    with pm.ablated(core, path, lambda activation: by_hand(of, activation, 1)):
        torch.testing.assert_close(actual, core(x), **EQUAL)


@pytest.mark.parametrize(
    ("make", "site"),
    [
        (lambda: Encode(attention, first=False), pm.output_of("encoder", 0)),
        (lambda: Encode(attention, first=False), pm.input_of("encoder", 1)),
        (lambda: Encode(encoder, first=False), "encoder.layers.0.linear2"),
        (lambda: Recur(nn.LSTM, first=True), pm.output_of("rnn", 1, 0)),
        (lambda: Recur(nn.LSTM, first=True), pm.output_of("rnn", -1, 1)),
        (lambda: Recur(nn.GRU, first=True), pm.output_of("rnn", 1)),
        (lambda: Recur(nn.RNN, first=False), pm.output_of("rnn", 1)),
        (lambda: Recur(nn.RNN, first=False), pm.output_of("rnn", 0)),
        (lambda: Recur(nn.GRU, first=False), pm.input_of("rnn", 0)),
    ],
)
def test_layers_of_pytorch_with_another_batch_are_refused(make, site):
    core, x = make().double(), embedded()
    leading = 2 if "1" in str(site) and isinstance(core, Recur) else 3
    assert_raises(
        lambda: inside(pm.ablated(core, site, pm.mean_ablation()), lambda: core(x)),
        ValueError,
        STATED.format(f"({leading}, 7, 4)"),
    )
    with pm.ablated(core, site, pm.mean_ablation(dim=1)):
        actual = core(x)
    with pm.ablated(core, site, lambda activation: activation.mean(1, keepdim=True).expand_as(activation)):
        torch.testing.assert_close(actual, core(x), **EQUAL)


@pytest.mark.parametrize("how", ["by place", "by name"])
def test_states_that_are_passed_in_have_the_layers_first(how):
    class Starts(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.GRU(WIDTH, WIDTH, LAYERS, batch_first=True)

        def forward(self, x, state):
            return self.rnn(x, state)[0] if how == "by place" else self.rnn(x, hx=state)[0]

    model, site = Starts(), pm.input_of("rnn", 1 if how == "by place" else "hx")
    assert_raises(
        lambda: inside(
            pm.ablated(model, site, pm.mean_ablation()),
            lambda: model(torch.randn(7, POSITIONS, WIDTH), torch.randn(LAYERS, 7, WIDTH)),
        ),
        ValueError,
        STATED.format("(2, 7, 4)"),
    )


@pytest.mark.parametrize(
    ("make", "site"),
    [
        (lambda: Encode(encoder, first=True), "encoder.layers.1"),
        (lambda: Encode(attention, first=True), pm.output_of("encoder", 0)),
        (lambda: Encode(attention, first=False), pm.output_of("encoder", 1)),
        (lambda: Recur(nn.LSTM, first=True), pm.output_of("rnn", 0)),
        (Joined, "inner"),
    ],
)
def test_first_axis_needs_no_word(make, site):
    core, x = make().double(), embedded()
    with pm.ablated(core, site, pm.mean_ablation()):
        actual = core(x)
    with pm.ablated(core, site, lambda activation: activation.mean(0, keepdim=True).expand_as(activation)):
        torch.testing.assert_close(actual, core(x), **EQUAL)


class Beside(nn.Module):
    """A layer with positions first, and modules beside it."""

    def __init__(self, first=False):
        super().__init__()
        torch.manual_seed(0)
        self.first = first
        self.embed, self.encoder, self.norm = nn.Embedding(6, WIDTH), encoder(first), nn.LayerNorm(WIDTH)
        self.conv, self.read = nn.Conv1d(WIDTH, WIDTH, 1), nn.Linear(WIDTH, 5)
        self.double().eval()

    def forward(self, tokens):
        tokens = torch.cat([tokens, torch.full((len(tokens), 1), 5)], 1)
        x = self.norm(self.encoder(self.embed(tokens if self.first else tokens.T)))
        last = self.read(x)[:, -1] if self.first else self.read(x)[-1]
        return last + 0 * self.conv(x.transpose(1, 2) if self.first else x.permute(1, 2, 0)).sum()


class OfTransformer(nn.Transformer):
    """A class of one's own, with the batch first but for the layers that it is made from."""

    def __init__(self):
        torch.manual_seed(0)
        encoders = {"custom_encoder": encoder(False), "custom_decoder": nn.Identity()}
        super().__init__(WIDTH, 2, **encoders)
        self.embed, self.read = nn.Embedding(6, WIDTH), nn.Linear(WIDTH, 5)
        self.double().eval()

    def forward(self, tokens):
        x = self.encoder(self.embed(tokens).transpose(0, 1)).transpose(0, 1)
        return self.read(x)[:, -1]


@each_reader
@pytest.mark.parametrize("path", ["embed", "norm", "read", pm.input_of("norm")])
def test_modules_beside_a_layer_with_positions_first_are_asked_for_the_axis(of, path):
    model = Beside()
    if path == "read":
        of = "`mean_ablation`"  # it has another number of features than the others
    width = 5 if path == "read" else WIDTH
    assert_raises(
        lambda: inside(pm.ablated(model, path, READERS[of]()), lambda: model(OP.inputs)), ValueError,
        DOUBTFUL.format("TransformerEncoder", f"(3, 25, {width})", "dim=0 or dim=1"),
    )  # fmt: skip
    with pm.ablated(model, path, pm.mean_ablation(dim=1)):
        actual = model(OP.inputs)
    # The mean over inputs is the same for all of them, so all have the same logits.
    torch.testing.assert_close(actual, actual[:1].expand_as(actual), **EQUAL)


def test_modules_that_are_surely_batch_first_are_not_asked():
    certain = [(Beside(), ["conv", "encoder.layers.0.norm1"]), (Beside(first=True), ["embed", "norm", "conv"])]
    for model, paths in certain:
        for path in paths:
            dim = 1 if "norm1" in path else None
            with pm.ablated(model, path, pm.mean_ablation(dim=dim)):
                model(OP.inputs)
    with pm.ablated(Beside(), "norm", pm.mean_ablation()) as model, pytest.raises(ValueError, match="as Transformer"):
        model(OP.inputs)


def test_class_made_from_a_layer_may_have_another_layout():
    model = OfTransformer()
    assert_raises(
        lambda: inside(pm.ablated(model, "embed", pm.mean_ablation()), lambda: model(OP.inputs)), ValueError,
        DOUBTFUL.format("OfTransformer", "(25, 2, 4)", "dim=0 or dim=1"),
    )  # fmt: skip
    with pm.ablated(model, "embed", pm.mean_ablation(dim=0)):
        actual = model(OP.inputs)
    torch.testing.assert_close(actual, actual[:1].expand_as(actual), **EQUAL)


def test_parts_of_modules_beside_a_layer_with_positions_first():
    model = Beside()

    def run(index, **options):
        with pm.ablated(model, "norm", pm.at(index, pm.mean_ablation(**options))):
            return model(OP.inputs)

    actual = run(-1)  # one position, with one row per input
    torch.testing.assert_close(actual, actual[:1].expand_as(actual), **EQUAL)
    for index, shape, fitting in (
        ((slice(None), -1), "(3, 4)", "dim=0"),
        ([-1], "(1, 25, 4)", "dim=0 or dim=1"),
        ((..., slice(2)), "(3, 25, 2)", "dim=0 or dim=1"),
    ):
        message = DOUBTFUL.format("TransformerEncoder", shape, fitting)
        assert_raises(lambda index=index: run(index), ValueError, message)
    torch.testing.assert_close(run([-1], dim=1), actual, **EQUAL)


def test_calls_of_modules_beside_a_layer_with_positions_first_are_not_joined_along_positions():
    model = Beside()

    def twice():
        model(OP.inputs[:12])
        model(OP.inputs[12:24])

    assert_raises(
        lambda: calls_of(model, "norm", twice), ValueError,
        DOUBTFUL.format("TransformerEncoder", "(3, 12, 4)", "dim=0 or dim=1"),
    )  # fmt: skip
    expected = calls_of(model, "norm", lambda: model(OP.inputs[:24]))
    torch.testing.assert_close(calls_of(model, "norm", twice, dim=1), expected, **EQUAL)


class Packs(nn.Module):
    """An LSTM of packed sequences, of one or several positions."""

    def __init__(self, positions):
        super().__init__()
        torch.manual_seed(0)
        self.positions = positions
        self.embed, self.rnn = nn.Embedding(5, WIDTH), nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.read = nn.Linear(WIDTH, 5)

    def forward(self, tokens):
        lengths = torch.full((len(tokens),), self.positions)
        x = nn.utils.rnn.pack_padded_sequence(self.embed(tokens), lengths, batch_first=True)
        return self.read(nn.utils.rnn.pad_packed_sequence(self.rnn(x)[0], batch_first=True)[0][:, -1])


@pytest.mark.parametrize("site", [pm.output_of("rnn", 0, "data"), pm.output_of("rnn", 0, 0), pm.input_of("rnn", 0, 0)])
@pytest.mark.parametrize("dim", [None, 0])
def test_data_of_a_packed_sequence_has_no_axis_of_the_batch(site, dim):
    model = Packs(2)
    assert_raises(
        lambda: inside(pm.ablated(model, site, pm.mean_ablation(dim=dim)), lambda: model(OP.inputs)), ValueError,
        "The activation of `mean_ablation` must have an axis of the batch. Got shape (50, 4), the data of a packed "
        "sequence, which has inputs and positions along one axis. Replace a tensor that is not packed, or pass a "
        "function that takes them apart, in place of this one.",
    )  # fmt: skip
    mean = pm.mean_ablation(dim=1)
    with pm.ablated(model, site, lambda x: mean(x.unflatten(0, (2, 25))).flatten(0, 1)):
        actual = model(OP.inputs)
    torch.testing.assert_close(actual, actual[:1].expand_as(actual))
    assert calls_of(model, site, lambda: model(OP.inputs)).shape == (50, WIDTH)
    assert_raises(
        lambda: calls_of(model, site, lambda: pm.grid_logits(model, OP, batch_size=10)), ValueError,
        f"{site!r} must have an axis of the batch, where calls are joined. Got the data of a packed sequence, which "
        "has inputs and positions along one axis. Capture one call at a time.",
    )  # fmt: skip
    # With one position, and with the states, the batch is an axis.
    with pm.ablated(Packs(1), site, pm.mean_ablation(dim=dim)) as model:
        model(OP.inputs)
    with pm.ablated(Packs(2), pm.output_of("rnn", 1, 0), pm.mean_ablation(dim=1)) as model:
        model(OP.inputs)


# ---------------------------------------------------------------------------------------------------------------------
# Parts


@pytest.mark.parametrize(("index", "dim"), [(-1, None), ([-1], 1), ((..., slice(0, 2)), 1)])
def test_position_of_an_encoder_with_positions_first_has_its_batch_first(index, dim):
    model = Host(Encode(layer, first=False))
    part = pm.at(index, pm.mean_ablation(dim=dim))
    hand = pm.at(index, lambda x: x.mean(x.ndim - 2, keepdim=True).expand_as(x))
    torch.testing.assert_close(logits(model, "core.encoder", part), logits(model, "core.encoder", hand), **EQUAL)
    core, x = Encode(layer, first=False).double(), embedded()
    with pm.ablated(core, "encoder", part):
        actual = core(x)
    with pm.ablated(core, "encoder", hand):
        torch.testing.assert_close(actual, core(x), **EQUAL)


def test_part_is_asked_for_its_own_axis():
    model, core = Host(Encode(layer, first=False)), Encode(layer, first=False).double()
    part = pm.at([-1], pm.mean_ablation())
    refused(unfit("`mean_ablation`", 1, 0, "(1, 25, 4)", "Axis 1 has 25: pass dim=1."), model, "core.encoder", part)
    assert_raises(
        lambda: inside(pm.ablated(core, "encoder", pm.at((..., [0, 1]), pm.mean_ablation())), lambda: core(embedded())),
        ValueError,
        STATED.format("(3, 7, 2)"),
    )


@pytest.mark.parametrize("dim", [None, 0])
@pytest.mark.parametrize("first", [True, False])
def test_part_of_one_input_has_no_batch(first, dim):
    core = Encode(layer, first).double()
    of_input = 0 if first else (slice(None), 0)
    assert_raises(
        lambda: inside(
            pm.ablated(core, "encoder", pm.at(of_input, pm.mean_ablation(dim=dim))), lambda: core(embedded())
        ),
        ValueError,
        "The activation of `mean_ablation` must have an axis of the batch. Got shape (3, 4), the part of one input: "
        "`index` has an integer at the axis of the batch. Put a slice there, and the integer at another axis.",
    )
    with pm.ablated(core, "encoder", pm.at((slice(None), 0) if first else 0, pm.mean_ablation(dim=dim))):
        core(embedded())
    with pm.ablated(core, "encoder", pm.at(of_input, pm.zero_ablation())):
        core(embedded())


def test_frequencies_of_an_activation_with_inputs_along_axis_1():
    model = Host(Encode(layer, first=False))
    replacement = pm.project_onto_frequencies(OP, [1])
    refused(
        "The activation must have one row per pair of the grid (25). Got shape (3, 25, 4). "
        "Axis 1 has 25: replace one position, such as with pm.at(-1, …).",
        model, "core.encoder", replacement,
    )  # fmt: skip
    result = logits(model, "core.encoder", pm.at(-1, replacement))
    first = Host(Encode(layer, first=True))
    torch.testing.assert_close(result, logits(first, "core.encoder", replacement), **EQUAL)


def test_mean_over_features_is_no_center():
    assert_raises(
        lambda: pm.project_out(DIRECTIONS, center="mean", dim=-1)(torch.ones(7, WIDTH)), ValueError,
        "`dim` must be another axis than the last, of the features. Got shape (7, 4).",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# captured


def calls_of(model, path, run, dim=None):
    with pm.captured(model, path, dim=dim) as activations:
        run()
    return activations[path]


def test_calls_are_joined_along_the_batch():
    model = Host(Encode(layer, first=False))
    whole = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))
    assert whole.shape == (POSITIONS, 25, WIDTH)

    def batches():
        pm.grid_logits(model, OP, batch_size=10)

    # The last batch has 5 inputs, so joined along positions they do not fit.
    assert_raises(
        lambda: calls_of(model, "core.encoder", batches), ValueError,
        "'core.encoder' must have the same shape in every call except for the first axis. Got (3, 10, 4), (3, 5, 4). "
        "Capture one call at a time, or pass the axis of the batch as dim.",
    )  # fmt: skip
    torch.testing.assert_close(calls_of(model, "core.encoder", batches, dim=1), whole, **EQUAL)
    torch.testing.assert_close(calls_of(model, "core.encoder", batches, dim=-2), whole, **EQUAL)


def test_batches_of_equal_size_are_not_joined_along_positions():
    model = Host(Encode(layer, first=False))
    whole = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))

    def batches():
        pm.grid_logits(model, OP, batch_size=5)

    assert_raises(
        lambda: calls_of(model, "core.encoder", batches), ValueError,
        "'core.encoder' must have one entry per input of the batch (5) along `dim`, where the calls are joined. "
        "Got 3 along axis 0 of shape (3, 5, 4). Axis 1 has 5: pass dim=1.",
    )  # fmt: skip
    torch.testing.assert_close(calls_of(model, "core.encoder", batches, dim=1), whole, **EQUAL)
    model = Host(Placed())
    assert_raises(
        lambda: calls_of(model, "core.of_positions", batches), ValueError,
        "'core.of_positions' must have one entry per input of the batch (5) along `dim`, where the calls are joined. "
        "Got 3 along axis 0 of shape (3, 4). Capture all inputs in one batch, whose activations stay as they are.",
    )  # fmt: skip
    assert calls_of(model, "core.of_positions", lambda: pm.grid_logits(model, OP)).shape == (POSITIONS, WIDTH)


def test_calls_outside_of_grid_logits_are_joined_as_the_class_tells():
    core, x = Encode(layer, first=False).double(), embedded()

    def twice():
        core(x)
        core(x)

    assert_raises(lambda: calls_of(core, "encoder", twice), ValueError, STATED.format("(3, 7, 4)"))
    joined = calls_of(core, "encoder", twice, dim=1)
    assert joined.shape == (POSITIONS, 14, WIDTH)
    assert torch.equal(joined[:, :7], joined[:, 7:])
    assert calls_of(core, "encoder", lambda: core(x)).shape == (POSITIONS, 7, WIDTH)


@pytest.mark.parametrize("reentrant", [True, False])
def test_what_checkpointing_computes_again_is_not_recorded_again(reentrant):
    model = Host(Encode(layer, first=True))
    inner = model.core.forward
    expected = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))
    model.core.forward = lambda x: checkpoint(inner, x, use_reentrant=reentrant)

    def run():
        pm.grid_logits(model, OP, batch_size=10, requires_grad=True).sum().backward()

    torch.testing.assert_close(calls_of(model, "core.encoder", run), expected, **EQUAL)


@pytest.mark.parametrize("transform", [torch.func.grad, torch.func.jacrev, lambda f: lambda x: torch.func.vjp(f, x)])
def test_gradient_transforms_record_plain_tensors(transform):
    core, x = Mine().double(), embedded()
    with pm.captured(core, "inner", dim=1) as activations:
        transform(lambda x: core(x).sum())(x)
        alone = activations["inner"]
        core(x)
    assert not torch._C._functorch.is_functorch_wrapped_tensor(alone)
    assert alone.numpy().shape == (POSITIONS, 7, WIDTH)
    joined = activations["inner"].transpose(0, 1)
    assert type(joined) is torch.Tensor
    assert joined.shape == (14, POSITIONS, WIDTH)
    torch.testing.assert_close(joined[:7], joined[7:], **EQUAL)
    assert joined.numpy().shape == joined.shape


@pytest.mark.parametrize("transform", ["vmap", "vmap of grad", "grad of vmap"])
def test_vmap_hides_the_batch(transform):
    core, x = Joined().double(), embedded()
    one = lambda row: core(row[None]).sum()  # noqa: E731, the function to map
    run = {
        "vmap": lambda: torch.func.vmap(one)(x),
        "vmap of grad": lambda: torch.func.vmap(torch.func.grad(one))(x),
        "grad of vmap": lambda: torch.func.grad(lambda x: torch.func.vmap(one)(x).sum())(x),
    }[transform]
    message = (
        "{} must see the whole batch. Got one input at a time, inside of torch.func.vmap. "
        "Run the model on the batch itself."
    )
    assert_raises(lambda: calls_of(core, "inner", run), ValueError, message.format("'inner'"))

    def ablated(replacement):
        with pm.ablated(core, "inner", replacement):
            return run()

    assert_raises(lambda: ablated(pm.mean_ablation()), ValueError, message.format("The activation of `mean_ablation`"))
    ablated(pm.zero_ablation())


def test_call_that_failed_and_was_repeated_counts_once():
    model = Host(Encode(layer, first=True))
    expected = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))
    model.read = nn.Sequential(Full(), model.read)
    actual = calls_of(model, "core.encoder", lambda: pm.grid_logits(retrying(model), OP))
    torch.testing.assert_close(actual, expected, **EQUAL)


def test_call_of_a_part_that_failed_and_was_repeated_counts_once():
    # ``predict`` never calls the model itself.
    core = Encode(layer, first=True)
    model = Host(nn.Sequential(core, Full()))
    expected = calls_of(model, "core.0.encoder", lambda: halves(model)(OP.inputs))

    def parts(tokens):
        tokens = torch.cat([tokens, torch.full((len(tokens), 1), 5)], 1)
        return model.read(model.core(model.embed(tokens)))

    actual = calls_of(model, "core.0.encoder", lambda: pm.grid_logits(retrying(parts), OP))
    torch.testing.assert_close(actual, expected, **EQUAL)


def test_call_that_is_repeated_after_an_error_elsewhere_is_refused():
    model = Host(Encode(layer, first=True))
    expected = calls_of(model, "core.encoder", lambda: pm.grid_logits(model, OP))
    predict = retrying(lambda tokens: Full()(model(tokens)))
    assert_raises(
        lambda: calls_of(model, "core.encoder", lambda: pm.grid_logits(predict, OP)), ValueError,
        "'core.encoder' must be called with each input of the batch (25) equally often. Got calls with 25, 13, 12 "
        "inputs, as if `predict` had repeated a failed call in parts. Pass batch_size=13.",
    )  # fmt: skip
    actual = calls_of(model, "core.encoder", lambda: pm.grid_logits(predict, OP, batch_size=13))
    torch.testing.assert_close(actual, expected, **EQUAL)
    # A batch that is split without an error, and a model that is asked twice, are as they were.
    actual = calls_of(model, "core.encoder", lambda: pm.grid_logits(halves(model), OP))
    torch.testing.assert_close(actual, expected, **EQUAL)
    twice = calls_of(model, "core.encoder", lambda: pm.grid_logits(lambda tokens: model(tokens) + model(tokens), OP))
    torch.testing.assert_close(twice, torch.cat([expected, expected]), **EQUAL)


class Steps(nn.Module):
    """Calls a cell once per token."""

    def __init__(self, steps=2):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.cell, self.read = nn.Embedding(5, WIDTH), nn.GRUCell(WIDTH, WIDTH), nn.Linear(WIDTH, 5)
        self.steps = steps
        self.double().eval()

    def forward(self, tokens):
        state = torch.zeros(len(tokens), WIDTH, dtype=torch.float64)
        for step in range(self.steps if self.steps else min(len(tokens), 8)):
            state = self.cell(self.embed(tokens[:, step % 2]), state)
        return self.read(state)


@pytest.mark.parametrize("size", [None, 10, 5, 24])
@pytest.mark.parametrize("make", [lambda model: model, halves], ids=["whole", "halves"])
def test_steps_are_joined_in_the_order_of_one_batch(make, size):
    model = Steps()
    whole = calls_of(model, "cell", lambda: model(OP.inputs))
    assert whole.shape == (50, WIDTH)

    def run():
        pm.grid_logits(make(model), OP, batch_size=size)

    torch.testing.assert_close(calls_of(model, "cell", run), whole, **EQUAL)

    # Each run of the grid stands for itself, and what is called elsewhere stays where it is.
    def more():
        run()
        model(OP.inputs[:3])
        run()

    expected = torch.cat([whole, calls_of(model, "cell", lambda: model(OP.inputs[:3])), whole])
    torch.testing.assert_close(calls_of(model, "cell", more), expected, **EQUAL)


def test_model_that_is_asked_twice_in_batches_is_joined_as_in_one():
    model = nn.Sequential(nn.Embedding(5, WIDTH), nn.Flatten(), nn.Linear(2 * WIDTH, 5))

    def predict(tokens):
        return model(tokens) + model(tokens.flip(1))

    expected = torch.cat([model[:2](OP.inputs), model[:2](OP.inputs.flip(1))])
    for size in (None, 10):
        actual = calls_of(model, "1", lambda size=size: pm.grid_logits(predict, OP, batch_size=size))
        torch.testing.assert_close(actual, expected, **EQUAL)


def test_submodule_that_is_called_on_pieces_is_joined_in_their_order():
    class Pieces(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(WIDTH, WIDTH)

        def forward(self, x):
            for _ in range(2):
                x = torch.cat([self.inner(piece) for piece in x.split([3, len(x) - 3])])
            return x

    model = nn.Sequential(nn.Embedding(5, WIDTH), nn.Flatten(), nn.Linear(2 * WIDTH, WIDTH), Pieces(), nn.Linear(4, 5))
    expected = calls_of(model, "3.inner", lambda: pm.grid_logits(model, OP))
    assert expected.shape == (50, WIDTH)
    actual = calls_of(model, "3.inner", lambda: pm.grid_logits(model, OP, batch_size=10))
    torch.testing.assert_close(actual, expected)


def test_steps_that_differ_between_batches_are_refused():
    model = Steps(steps=0)
    assert_raises(
        lambda: calls_of(model, "cell", lambda: pm.grid_logits(model, OP, batch_size=10)), ValueError,
        "'cell' must be called equally often in each batch, because the calls are joined as those of one batch would "
        "be. Got 8, 5 calls. Pass batch_size=25.",
    )  # fmt: skip
    actual = calls_of(model, "cell", lambda: pm.grid_logits(model, OP, batch_size=25))
    torch.testing.assert_close(actual, calls_of(model, "cell", lambda: model(OP.inputs)), **EQUAL)


class Stop(Exception):
    """Raised by a hook, to leave out what comes after."""


def stopping(model, error=Stop):
    """A function that calls the model as far as its second module."""

    def stop(*_):
        raise error

    def run(tokens):
        handle = model[1].register_forward_hook(stop)
        try:
            model(tokens)
        except error:
            pass
        finally:
            handle.remove()

    return run


def test_call_that_was_stopped_counts():
    model = nn.Sequential(nn.Embedding(5, WIDTH), nn.Flatten(), nn.Linear(2 * WIDTH, 5))
    run = stopping(model)

    def twice():
        run(OP.inputs[:10])
        run(OP.inputs[10:])

    actual = calls_of(model, "0", twice)
    torch.testing.assert_close(actual, model[0](OP.inputs), rtol=0, atol=0)

    def both():
        run(OP.inputs[:10])
        model(OP.inputs)

    assert_raises(
        lambda: calls_of(model, "0", both), ValueError,
        "'0' must be read from calls that all returned, or all were stopped, because one that raised an exception may "
        "have been repeated. Got 1 that returned, and 1 that ended in Stop. Capture either kind in a context of its "
        "own.",
    )  # fmt: skip
    assert_raises(
        lambda: calls_of(model, "0", lambda: stopping(model, NotImplementedError)(OP.inputs)), RuntimeError,
        "'0' must be read from calls that returned. Got only calls that ended in NotImplementedError. To stop a call "
        "on purpose, raise an exception that is no RuntimeError.",
    )  # fmt: skip


def test_model_that_calls_itself_is_followed():
    class Again(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.Linear(WIDTH, WIDTH)

        def forward(self, x, depth=2):
            x = self.inner(x)
            if depth == 1:
                raise RuntimeError("deep")
            try:
                return self(x, depth - 1)
            except RuntimeError:
                return x

    model = Again()
    # The outer call ends well, the inner one in an error.
    assert calls_of(model, "inner", lambda: model(torch.randn(7, WIDTH))).shape == (7, WIDTH)


class Overtaken(nn.Module):
    """Lets a call with 3 rows end while one with more, which began later, is under way; that one fails."""

    def __init__(self):
        super().__init__()
        self.begun, self.ended = threading.Event(), threading.Event()

    def forward(self, x):
        if len(x) == 3:
            assert self.begun.wait(10)
            return x
        self.begun.set()
        assert self.ended.wait(10)
        raise RuntimeError("memory is full")


def test_threads_have_calls_of_their_own():
    model = nn.Sequential(nn.Linear(WIDTH, WIDTH), Overtaken())
    first = threading.Event()
    model[0].register_forward_hook(lambda *_: first.set())
    with pm.captured(model, "0") as activations:

        def small():
            model(torch.ones(3, WIDTH))
            model[1].ended.set()

        thread = threading.Thread(target=small)
        thread.start()
        assert first.wait(10)
        with pytest.raises(RuntimeError, match="memory is full"):
            model(torch.ones(7, WIDTH))
        thread.join()
    assert activations["0"].shape == (3, WIDTH)


def test_copy_of_a_model_inside_captured_records_no_more_after_it():
    model = Host(Encode(layer, first=True))
    with pm.captured(model, "core.encoder") as activations:
        twin = copy.deepcopy(model)
        model(OP.inputs)
    before = activations["core.encoder"]
    torch.testing.assert_close(twin(OP.inputs), model(OP.inputs), rtol=0, atol=0)
    assert torch.equal(activations["core.encoder"], before)


def test_functional_call_runs_the_hooks():
    model = Host(Encode(layer, first=True))
    parameters = {name: 2 * value.detach() for name, value in model.named_parameters()}
    twin = copy.deepcopy(model)
    twin.load_state_dict(parameters)

    def predict(tokens):
        return torch.func.functional_call(model, parameters, (tokens,))

    actual = logits(model, "core.encoder", pm.mean_ablation(), predict)
    torch.testing.assert_close(actual, logits(twin, "core.encoder", pm.mean_ablation()), **EQUAL)
    torch.testing.assert_close(
        calls_of(model, "core.encoder", lambda: pm.grid_logits(predict, OP)),
        calls_of(twin, "core.encoder", lambda: pm.grid_logits(twin, OP)),
        **EQUAL,
    )


# ---------------------------------------------------------------------------------------------------------------------
# Draws, where gradient checkpointing computes again


def gradients(model, replacement, reentrant):
    """Gradients of the ablated model, with or without checkpointing."""
    inner = model.core.forward
    if reentrant is not None:
        model.core.forward = lambda x: checkpoint(inner, x, use_reentrant=reentrant)
    model.zero_grad()
    torch.manual_seed(5)
    weights = torch.linspace(-1, 1, 125, dtype=torch.float64).reshape(5, 5, 5)
    try:
        with pm.ablated(model, "core.encoder.linear1", replacement):
            (pm.grid_logits(model, OP, batch_size=10, requires_grad=True) * weights).sum().backward()
    finally:
        model.core.forward = inner
    return [parameter.grad for parameter in model.parameters()]


def drops(x):
    return x * (torch.rand(x.shape, dtype=x.dtype) < 0.5)


@pytest.mark.parametrize("reentrant", [True, False])
def test_draws_by_the_global_generator_are_drawn_again_alike(reentrant):
    model = Host(Encode(layer, first=True))
    for actual, expected in zip(gradients(model, drops, reentrant), gradients(model, drops, None), strict=True):
        torch.testing.assert_close(actual, expected, **EQUAL)


def own_draws(generator):
    return lambda x: x * (torch.rand(x.shape, dtype=x.dtype, generator=generator) < 0.5)


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("draws", ["resample", "function"])
def test_draws_by_a_generator_of_their_own_are_refused_with_checkpointing(reentrant, draws):
    model = Host(Encode(layer, first=True))
    source = torch.randn(9, POSITIONS, 8, dtype=torch.float64)
    made = pm.resample_ablation(source) if draws == "resample" else own_draws(torch.Generator().manual_seed(0))
    assert_raises(
        lambda: gradients(model, made, reentrant), RuntimeError,
        "The replacement for 'core.encoder.linear1' must return the same again where gradient checkpointing computes "
        "it again in the backward pass. Got other numbers. Turn gradient checkpointing off.",
    )  # fmt: skip
    assert count_hooks(model) == 0
    assert gradients(model, made, None)[0] is not None


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("made", [pm.zero_ablation(), pm.mean_ablation(), drops], ids=["zero", "mean", "drops"])
def test_backward_pass_with_checkpointing_is_refused_after_the_context(reentrant, made):
    # Without the replacement, the activations that are computed again are others.
    model = Host(Encode(layer, first=True))
    inner = model.core.forward
    model.core.forward = lambda x: checkpoint(inner, x, use_reentrant=reentrant)
    with pm.ablated(model, "core.encoder.linear1", made):
        loss = pm.grid_logits(model, OP, requires_grad=True).square().sum()
        twin = copy.deepcopy(model)
    twin(OP.inputs).sum().backward()  # a copy has hooks that do nothing any more
    model.zero_grad()  # the copy shares the function that was assigned
    assert_raises(loss.backward, RuntimeError, AFTER)
    assert all(parameter.grad is None for parameter in model.core.parameters())
    # Without checkpointing, or without a replacement, it may run anywhere.
    pm.grid_logits(model, OP, requires_grad=True).sum().backward()
    model.core.forward = inner
    logits(model, "core.encoder.linear1", made, requires_grad=True).sum().backward()


AFTER = (
    "The backward pass of a model with gradient checkpointing must run inside of `ablated`, because it computes "
    "activations again. It ran after the context. Call backward inside of it."
)


class Parts(nn.Module):
    """A part with checkpointing, which others call without the whole."""

    def __init__(self, reentrant):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.first, self.second, self.read = nn.Embedding(5, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 5)
        self.reentrant = reentrant
        self.double().eval()

    def forward(self, tokens):
        x = self.embed(tokens).sum(1)
        return self.read(checkpoint(lambda x: self.second(self.first(x)).tanh(), x, use_reentrant=self.reentrant))


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("how", ["submodule", "function", "function in grid_logits"])
def test_backward_pass_after_the_context_is_refused_however_the_model_was_called(reentrant, how):
    model = nn.ModuleDict({"inner": Parts(reentrant)})  # which cannot be called itself

    def function(tokens):
        inner = model["inner"]
        x = inner.embed(tokens).sum(1)
        return inner.read(checkpoint(lambda x: inner.second(inner.first(x)).tanh(), x, use_reentrant=reentrant))

    def loss():
        if how == "function in grid_logits":
            return pm.grid_logits(function, OP, requires_grad=True).square().sum()
        return (model["inner"] if how == "submodule" else function)(OP.inputs).square().sum()

    with pm.ablated(model, "inner.first", pm.zero_ablation()):
        loss().backward()
        # Twice in one graph and once in another: what is guarded already stays as it is.
        loss().backward()
        kept = loss()
    assert not model["inner"].second.weight.grad.any()  # it saw zeros
    assert_raises(kept.backward, RuntimeError, AFTER)
    kept = loss()
    with pm.ablated(model, "inner.first", pm.zero_ablation()):
        loss()
        assert_raises(
            kept.backward, RuntimeError,
            "The forward pass of a model with gradient checkpointing must run inside of `ablated` if its backward pass "
            "does, because that computes activations again. It ran before the context. Call both inside of it, or both "
            "outside.",
        )  # fmt: skip
    loss().backward()


def test_checkpointed_part_may_call_a_module_very_often():
    model = nn.Sequential(nn.Tanh())

    def often(x):
        for _ in range(600):
            x = model(x)
        return x

    x = torch.ones(2, 3, requires_grad=True)
    with pm.ablated(model, "0", torch.sin), pm.ablated(model, "0", torch.cos):
        checkpoint(often, x, use_reentrant=False).sum().backward()
    assert x.grad is not None


def test_checkpointing_that_keeps_its_function_elsewhere_is_refused():
    # As a later version of PyTorch might.
    space = {"__name__": "torch.utils.checkpoint"}
    exec("def checkpoint(function, x):\n    return function(x)", space)
    model = nn.Sequential(nn.Tanh())

    def run():
        with pm.ablated(model, "0", pm.zero_ablation()):
            space["checkpoint"](model, torch.ones(2, 3))

    assert_raises(
        run, RuntimeError,
        "Gradient checkpointing must keep the function that it calls again where `ablated` finds it. This version of "
        "PyTorch keeps it elsewhere. Turn gradient checkpointing off.",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------------
# Compiled methods

COMPILED = (
    "`model` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
    "Pass the module as it was before torch.compile."
)


def eager(function):
    return torch.compile(function, backend="eager")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.helped(x)

    def helped(self, x):
        return self.inner(x.sum(1)).tanh()


class Decorated(Block):
    @eager
    def forward(self, x):
        return self.inner(x.sum(1)).tanh()


class Helped(Block):
    @eager
    def helped(self, x):
        return self.inner(x.sum(1)).tanh()


def assigned():
    block = Block()
    block.forward = eager(block.forward)
    return block


@eager
def squashed(x):
    return x.sum(1).tanh()


class OfTensors(Block):
    """Calls a compiled function of tensors, which cannot call a module."""

    def __init__(self):
        super().__init__()
        self.squash = squashed

    def forward(self, x):
        return self.inner(self.squash(x))


@pytest.fixture
def _fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("make", [Decorated, Helped, assigned])
def test_compiled_methods_are_refused(make):
    model = Host(make())
    refused(COMPILED, model, "core.inner", pm.zero_ablation(), error=TypeError, batch_size=10)
    assert_raises(lambda: calls_of(model, "core.inner", lambda: None), TypeError, COMPILED)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside the compiler
def test_compiled_functions_of_tensors_are_taken():
    model = Host(OfTensors())
    result = logits(model, "core.inner", pm.zero_ablation(), batch_size=10)
    torch.testing.assert_close(result, model.read.bias.detach().expand_as(result), **EQUAL)


@pytest.mark.usefixtures("_fresh_compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside the compiler
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of the compiler, where hooks break its graph
def test_function_that_calls_a_compiled_model_is_found_out_where_it_is_compiled_anew():
    model = Host(Block())
    fast = eager(model)
    with torch.no_grad():
        fast(OP.inputs[:10])  # compiled without the hook for 10 inputs; for the last 5 it is compiled anew, with it
    refused(
        SOME.format("core.inner"),
        model, "core.inner", pm.zero_ablation(), lambda tokens: fast(tokens), error=RuntimeError, batch_size=10,
    )  # fmt: skip
    result = logits(model, "core.inner", pm.zero_ablation(), lambda tokens: model(tokens), batch_size=10)
    torch.testing.assert_close(result, model.read.bias.detach().expand_as(result), **EQUAL)


# ---------------------------------------------------------------------------------------------------------------------
# Copies and reprs

ROW = torch.tensor([[5.0, 1.0, 0.0, 0.0], [0.0, 3.0, 1.0, 2.0]])
MADE = {
    "zero_ablation()": pm.zero_ablation,
    "mean_ablation()": pm.mean_ablation,
    "mean_ablation(dim=1)": lambda: pm.mean_ablation(dim=1),
    "resample_ablation((2, 4))": lambda: pm.resample_ablation(ROW, seed=4),
    "resample_ablation((2, 4), dim=0)": lambda: pm.resample_ablation(ROW, dim=-2, seed=4),
    "project_onto(2 of 4 dimensions, center='origin')": lambda: pm.project_onto(ROW),
    "project_out(2 of 4 dimensions, center='mean', dim=-2)": lambda: pm.project_out(ROW, center="mean", dim=-2),
    "at(:, 1:3, ...; zero_ablation())": lambda: pm.at((slice(None), slice(1, 3), ...), pm.zero_ablation()),
    "at([0, 2], ::2; mean_ablation())": lambda: pm.at(([0, 2], slice(None, None, 2)), pm.mean_ablation()),
    "at(100 places; zero_ablation())": lambda: pm.at(torch.ones(25, 4, dtype=torch.bool), pm.zero_ablation()),
    "project_onto_frequencies(Operation(addition, n=5, frequencies=2), [1])": lambda: pm.project_onto_frequencies(
        OP, [1]
    ),
    "project_out_frequencies(Operation(addition, n=5, frequencies=2), [(1, 0)])": lambda: pm.project_out_frequencies(
        OP, [(1, 0)], terms="sum"
    ),
    "project_each_onto_frequency(Operation(addition, n=5, frequencies=2), 4 neurons)": lambda: (
        pm.project_each_onto_frequency(OP, torch.tensor([1, 0, 2, 2]))
    ),
}


@pytest.mark.parametrize("shown", MADE)
@pytest.mark.parametrize(
    "copied", [lambda value: pickle.loads(pickle.dumps(value)), copy.deepcopy], ids=["pickle", "copy"]
)
def test_replacements_can_be_copied_and_say_what_they_are(shown, copied):
    replacement, x = MADE[shown](), torch.randn(25, 4)
    assert repr(replacement) == shown
    twin = copied(replacement)
    assert repr(twin) == shown
    for _ in range(2):  # a copy draws on from where it was made
        assert torch.equal(twin(x), replacement(x))
