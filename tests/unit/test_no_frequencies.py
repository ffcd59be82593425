"""No frequency, other frequencies at each step, and neurons that square: what is warned of, and the remedy."""

import re
import warnings

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_close, assert_same

OP = pm.addition(11)
TRAIN = torch.rand(11, 11, generator=torch.Generator().manual_seed(0)) < 0.4
NONE = (
    "`frequencies` are none. With no frequency, restricted loss is the loss of the constant, about chance, and "
    "excluded loss is the loss of all logits, whether or not the network has a circuit."
)
REMEDY = "Pass those that `sufficient_frequencies` names, if any."


def waves(*keys):
    phases = 2 * torch.pi * (OP.table[:, :, None] - torch.arange(11)) / 11
    return sum(9 * torch.cos(k * phases) for k in keys)


def warns(message, kind=UserWarning):
    return pytest.warns(kind, match=f"^{re.escape(message)}$")


TAKES_FREQUENCIES = {
    "measure": lambda x, keys: pm.measure(x, OP, keys, train_mask=TRAIN).restricted_loss,
    "restricted_loss": lambda x, keys: pm.restricted_loss(x, OP, keys),
    "excluded_loss": lambda x, keys: pm.excluded_loss(x, OP, keys),
    "product": lambda x, keys: pm.restricted_loss(x, OP, keys, terms="product"),
}


@pytest.mark.parametrize("loss", TAKES_FREQUENCIES)
@pytest.mark.parametrize("none", [(), []])
def test_a_loss_of_no_frequency_is_warned_of_with_where_the_logits_vary(loss, none):
    take = TAKES_FREQUENCIES[loss]
    part = "100% of the part of the logits that depends on the answer alone (100% of their variance)"
    with warns(f"{NONE} (2, 5) hold {part}, but need not be a circuit. {REMEDY}") as caught:
        take(waves(2, 5), none)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert (take(waves(2, 5), (2, 5)) < 0.01) == (loss != "excluded_loss")


def test_where_few_do_not_hold_the_power_none_are_named():
    random = torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))
    share = float(pm.logit_spectrum(random, OP).sum())
    part = f"100% of the part of the logits that depends on the answer alone ({share:.0%} of their variance)"
    with warns(f"{NONE} No small set stands out: 5 of 5 frequencies hold {part}. {REMEDY}"):
        pm.measure(random, OP, (), train_mask=TRAIN)
    with warns(NONE):
        pm.measure(torch.zeros(11, 11, 11), OP, (), train_mask=TRAIN)


def test_the_warning_says_how_much_of_the_logits_depends_on_the_answer():
    logits = waves(2, 5) + 20 * torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))
    shares = pm.logit_spectrum(logits, OP)
    named = pm.key_frequencies(shares, OP, share=0.9)
    held = float(shares[[k - 1 for k in named]].sum())
    assert held < 0.5
    of_answer = held / float(shares.sum())
    part = f"{of_answer:.0%} of the part of the logits that depends on the answer alone ({held:.0%} of their variance)"
    with pytest.warns(UserWarning, match=re.escape(part)):
        pm.restricted_loss(logits, OP, ())


class Waves(nn.Module):
    """A model whose logits are given."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, pairs):
        return self.logits[pairs[:, 0], pairs[:, 1]]


RIGHT = 99 * nn.functional.one_hot(OP.table, 11)  # with all frequencies alike


def test_that_an_untrained_network_has_no_key_frequency_is_no_surprise():
    logits = torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))
    measured = pm.grokking_measures(None, OP, "current", TRAIN)(Waves(logits))
    assert not measured["key_frequencies"].any()


def test_a_network_that_memorizes_without_key_frequencies_is_warned_of_once():
    logits = RIGHT * TRAIN[..., None] + torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))
    for _ in range(2):  # once for each recorder
        recorder = pm.Recorder(pm.grokking_measures(None, OP, "current", TRAIN), every=1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for step in range(3):
                recorder(step, Waves(logits))
        (warning,) = caught
        assert str(warning.message) == (
            "No frequency is key at a step where the model answers its training inputs, by the `frequencies` of "
            "grokking_measures. With no frequency, restricted loss is the loss of the constant, about chance, and "
            "excluded loss is the loss of all logits, whether or not the network has a circuit. Most networks have "
            "none before they generalize. Until one is key, read `excluded_loss_per_frequency`, which needs no choice, "
            "or pass frequencies that you know."
        )
        assert_close(recorder.trajectory["excluded_loss"], recorder.trajectory["train_loss"], rtol=1e-9)


def test_a_run_without_key_frequencies_is_warned_of_once():
    measure = pm.grokking_measures(None, OP, "current", TRAIN)
    recorder = pm.Recorder(measure, every=1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(3):
            recorder(step, Waves(RIGHT + torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(step))))
    (warning,) = caught
    assert str(warning.message) == (
        "No frequency is key at a step where the model generalizes, by the `frequencies` of grokking_measures. With no "
        "frequency, restricted loss is the loss of the constant, about chance, and excluded loss is the loss of all "
        "logits, whether or not the network has a circuit. Pass another rule, such as pm.frequencies.Sufficient(), "
        "which names those that the model needs, or Share(0.9)."
    )
    assert not recorder.trajectory["key_frequencies"].any()


def test_none_at_the_last_step_are_warned_of_where_restricted_loss_is_added():
    recorder = pm.Recorder(pm.grokking_measures(None, OP, "final", TRAIN), every=1)
    recorder(0, Waves(torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))))
    with pytest.warns(UserWarning, match=f"^{re.escape(NONE)} No small set stands out"):
        pm.add_restricted_loss(recorder.trajectory, OP, train_mask=TRAIN)


# ---------------------------------------------------------------------------------------------------------------------
# Frequencies that change

STEPS = [0, 1000, 2000, 3000, 4000, 5000, 9000]
CURVES = {
    "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
    "restricted_loss": [4.8, 4.2, 3.0, 0.1, 0.0, 0.0, 0.0],
    "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
    "sum_squared_weights": [1800.0, 3000.0, 2500.0, 2000.0, 1100.0, 1000.0, 1000.0],
}
CHANGE = (
    "`key_frequencies` change, first at step 2000, so restricted and excluded loss are of other frequencies at other "
    "steps, and may jump where the frequencies change. Record those of the final model, (1, 3), at every step: track "
    "the saved checkpoints with them, or record another run."
)
READERS = {
    "find_phases": lambda run: pm.find_phases(run, answers=113),
    "lead_times": lambda run: pm.lead_times(run, answers=113),
    "phase_spread": lambda run: pm.phase_spread([run], answers=113),
}


def run_with(*keys):
    return pm.Trajectory(STEPS, CURVES | {"key_frequencies": torch.tensor(keys)})


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_frequencies_that_change_are_warned_of(read):
    with warns(CHANGE) as caught:
        found = read(run_with([0, 0, 0], [0, 0, 0], *[[1, 0, 0]] * 2, *[[1, 0, 1]] * 3))
    assert len(caught) == 1
    assert found == read(run_with(*[[1, 0, 1]] * 7)) == read(pm.Trajectory(STEPS, CURVES))


def test_where_the_last_step_has_no_frequency_none_are_named():
    with pytest.warns(UserWarning, match="Record the same ones, because the last step has none, at every step: track"):
        READERS["find_phases"](run_with(*[[1, 0, 0]] * 6, [0, 0, 0]))


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_run_of_no_frequency_is_warned_of(read):
    with pytest.warns(UserWarning, match="^`key_frequencies` are none at any step, so restricted loss is about chance"):
        read(run_with(*[[0, 0, 0]] * 7))


def test_steps_that_were_not_measured_are_no_change():
    keys = torch.ones(7, 3).index_fill(0, torch.tensor([2]), torch.nan)
    assert (
        pm.find_phases(pm.Trajectory(STEPS, CURVES | {"key_frequencies": keys}), answers=113).memorization_end == 1000
    )


@pytest.mark.parametrize(
    "statistic", [pm.Runs.mean, pm.Runs.std, lambda runs: runs.mean(scale="log"), lambda runs: runs.quantile(0.5)]
)
def test_a_mean_with_a_run_of_no_frequency_is_warned_of(statistic):
    with_keys, without = run_with(*[[1, 0, 1]] * 7), run_with(*[[0, 0, 0]] * 7)
    runs = pm.Runs({"seed 0": with_keys, "seed 1": without, "seed 2": with_keys})
    with warns(
        "`runs` are 3, of which 1 have no key frequency at their last step: seed 1. Their restricted loss is about "
        "chance and their excluded loss the training loss, whether or not they have a circuit. Leave these runs out."
    ) as caught:
        statistic(runs)
    assert caught[0].filename == __file__
    statistic(pm.Runs({"seed 0": with_keys, "seed 2": with_keys}))


# ---------------------------------------------------------------------------------------------------------------------
# Another run than was recorded

OTHERS = {
    "op": {"op": pm.subtraction(11)},
    "train_mask": {"train_mask": TRAIN.T & (torch.arange(11) < 6)},
    "test_mask": {"test_mask": ~TRAIN & (torch.arange(11) < 6)},
    "labels": {"labels": (OP.table + (torch.arange(11) < 2)) % 11},
    "loss": {"loss": "mse"},
}


@pytest.mark.parametrize("other", OTHERS)
def test_restricted_loss_is_not_added_with_other_arguments_than_were_recorded(other):
    recorder = pm.Recorder(pm.grokking_measures(None, OP, "final", TRAIN), every=1)
    recorder(0, Waves(waves(2, 5) + torch.randn(11, 11, 11, generator=torch.Generator().manual_seed(0))))
    same = {"op": OP, "train_mask": TRAIN}
    added = pm.add_restricted_loss(recorder.trajectory, frequencies=[2, 5], **same)
    assert not {"answer_means", "mean_logits_loss_train", "mean_logits_loss_test"} & set(added.columns)
    with pytest.raises(
        ValueError,
        match=r"^`op`, `train_mask`, `test_mask`, `labels` and `loss` must be those that the run was recorded with\. "
        r"With these, the mean logits have a (training|test) loss of \S+ in row 0, where \S+ was recorded\.$",
    ):
        pm.add_restricted_loss(recorder.trajectory, frequencies=[2, 5], **(same | OTHERS[other]))


@pytest.mark.parametrize("other", [*OTHERS, "frequencies", "weights"])
@pytest.mark.parametrize("reader", ["Recorder", "track"])
def test_a_recording_goes_on_with_the_same_measures_alone(other, reader, tmp_path):
    path, model = tmp_path / "run.jsonl", Waves(waves(2, 5))
    arguments = {"predict": None, "op": OP, "frequencies": [2, 5], "train_mask": TRAIN}
    pm.Recorder(pm.grokking_measures(**arguments), every=1, path=path)(0, model)
    go_on = {
        "Recorder": lambda measure: pm.Recorder(measure, every=1, path=path),
        "track": lambda measure: pm.track([(0, model), (1, model)], measure, resume=path),
    }[reader]
    changed = OTHERS | {
        "frequencies": {"frequencies": [2, 4]},
        "weights": {"weights": {"W": lambda model: model.logits}},
    }
    name = {"Recorder": "path", "track": "resume"}[reader]
    before = path.read_bytes()
    with pytest.raises(
        ValueError,
        match=rf"^`{name}` must be a recording of the same measures\. Got {re.escape(repr(str(path)))} with "
        rf"({'operation' if other == 'op' else other}|test_mask) .*, where `measures` have .*\. Pass another file\.$",
    ):
        go_on(pm.grokking_measures(**(arguments | changed[other])))
    assert path.read_bytes() == before
    go_on(pm.grokking_measures(**arguments))
    assert pm.load_recording(path).steps[0] == 0


def test_keys_are_shown_where_they_differ(tmp_path):
    path = tmp_path / "run.jsonl"
    pm.Recorder(pm.grokking_measures(None, OP, [2, 5], TRAIN), every=1, path=path)(0, Waves(waves(2, 5)))
    message = (
        f"`path` must be a recording of the same measures. Got {str(path)!r} with frequencies [2, 5], where `measures` "
        "have frequencies [2, 4]. Pass another file."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.Recorder(pm.grokking_measures(None, OP, [2, 4], TRAIN), path=path)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ({"frequencies": [2, 5]}, {"frequencies": torch.tensor([5, 2])}),
        ({"frequencies": [(2, 5), (0, 1)]}, {"frequencies": [(0, 1), (2, 5)]}),
        ({"weights": {"W": "embed.weight"}}, {"weights": {"W": pm.weight("embed.weight", dim=0)}}),
        ({"weights": {"W": lambda model: model.embed.weight}}, {"weights": {"W": lambda model: model.embed.weight}}),
    ],
    ids=["order", "order of tuples", "axis 0 said", "functions of one name"],
)
def test_a_recording_goes_on_where_no_number_is_another(first, then, tmp_path):
    model, arguments = Waves(waves(2, 5)), {"predict": None, "op": OP, "frequencies": [2, 5], "train_mask": TRAIN}
    model.embed = torch.nn.Embedding(11, 3)
    numbers = []
    for step, said in enumerate((first, then)):
        measure = pm.grokking_measures(**(arguments | said))
        pm.Recorder(measure, every=1, path=tmp_path / "run.jsonl")(step, model)
        numbers.append(measure(model))
    assert pm.load_recording(tmp_path / "run.jsonl").steps.tolist() == [0, 1]
    assert all(torch.equal(numbers[0][name], numbers[1][name]) for name in numbers[0])


def test_a_path_with_another_axis_is_another_measure(tmp_path):
    model, path = Waves(waves(2, 5)), tmp_path / "run.jsonl"
    model.embed = torch.nn.Embedding(11, 11)
    of = {
        dim: pm.grokking_measures(None, OP, [2], TRAIN, weights={"W": pm.weight("embed.weight", dim=dim)})
        for dim in (0, 1)
    }
    pm.Recorder(of[0], every=1, path=path)(0, model)
    message = (
        f"`path` must be a recording of the same measures. Got {str(path)!r} with weights "
        '{"W": "embed.weight, dim=0"}, where `measures` have weights {"W": "embed.weight, dim=1"}. Pass another file.'
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.Recorder(of[1], path=path)


def test_measures_that_do_not_say_what_they_are_go_on_with_a_warning(tmp_path):
    path, measure, model = tmp_path / "run.jsonl", pm.grokking_measures(None, OP, [2, 5], TRAIN), Waves(waves(2, 5))
    pm.Recorder(measure, every=1, path=path)(0, model)
    with pytest.warns(RuntimeWarning, match="says what was measured .* Column names are compared once"):
        recorder = pm.Recorder(lambda model: measure(model), every=1, path=path)
    recorder(1, model)
    assert_same(recorder.trajectory, pm.load_recording(path))


# ---------------------------------------------------------------------------------------------------------------------
# Neurons


def test_neurons_that_square_are_warned_of_and_named_with_the_remedy():
    op, keys = pm.addition(23), [3, 7, 11, 5]
    angles = 2 * torch.pi * torch.arange(23) / 23
    sums = [torch.cos(k * angles + 1)[:, None] + torch.cos(k * angles + 2) for k in keys]
    shares = pm.neuron_spectrum(torch.stack([x.square() for x in sums], dim=-1).reshape(-1, 4), op)
    assert shares.max(1).values.tolist() == pytest.approx([0.8] * 4)
    with warns(
        "`share` names no frequency for 4 of 4 neurons, which have about 80 % of their variance in one frequency and "
        "the rest in twice that frequency, as squares do. Pass min_share=0.7 to name their frequencies."
    ):
        assert pm.neuron_frequencies(shares).tolist() == [0] * 4
    assert pm.neuron_frequencies(shares, min_share=0.7).tolist() == keys


def test_other_neurons_without_a_frequency_are_not_warned_of():
    shares = torch.rand(50, 11, generator=torch.Generator().manual_seed(0))
    assert not pm.neuron_frequencies(shares / shares.sum(1, keepdim=True)).any()


def test_transposed_shares_are_refused():
    shares = torch.eye(3).repeat_interleave(4, dim=0)
    message = "`share` must sum to at most 1 for each neuron. Got 4 in row 0."
    message += " If the neurons are along axis 1, pass share.T."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.neuron_frequencies(shares.T)
    assert pm.neuron_frequencies(shares.T.T).tolist() == [1] * 4 + [2] * 4 + [3] * 4
    with pytest.raises(ValueError, match=r"^`share` must not be negative\. Got -0\.5\.$"):
        pm.neuron_frequencies(torch.tensor([[0.5, -0.5]]))
