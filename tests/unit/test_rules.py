"""Rules for key frequencies, as values that a run is measured with."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._planted import planted_logits, random_logits

Peaks, Rule, Share, Sufficient = (
    pm.frequencies.Peaks, pm.frequencies.Rule, pm.frequencies.Share, pm.frequencies.Sufficient,
)  # fmt: skip
OP = pm.addition(23)
TRAIN = torch.rand(23, 23, generator=torch.Generator().manual_seed(0)) < 0.4
LOGITS = planted_logits(OP, {2: 9.0, 5: 9.0, 7: 7.0, 9: 2.0}) + random_logits(23, scale=0.5)


class Table(nn.Module):
    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, pairs):
        return self.logits[pairs[:, 0], pairs[:, 1]]


@dataclass(frozen=True)
class Largest:
    """A rule of one's own."""

    count: int = 1

    def of_logits(self, logits, op):
        return (pm.logit_spectrum(logits, op).argsort(descending=True)[: self.count] + 1).tolist()


def keys_of(measured):
    return tuple((measured["key_frequencies"].nonzero()[:, 0] + 1).tolist())


@pytest.mark.parametrize(
    ("rule", "keys"),
    [
        (Peaks(), (2, 5, 7, 9)),
        (Peaks(min_share=0.1), (2, 5, 7)),
        (Share(0.3), (5,)),
        (Share(0.9), (2, 5, 7)),
        (Sufficient(), (2, 5, 7)),
        (Largest(2), (2, 5)),
    ],
)
def test_the_frequencies_of_a_run_are_those_of_its_rule(rule, keys):
    measured = pm.grokking_measures(None, OP, rule, TRAIN)(Table(LOGITS))
    assert keys_of(measured) == keys
    torch.testing.assert_close(measured["restricted_loss"], pm.restricted_loss(LOGITS, OP, keys), rtol=1e-12, atol=0)
    excluded = pm.excluded_loss(LOGITS, OP, keys, mask=TRAIN)
    torch.testing.assert_close(measured["excluded_loss"], excluded, rtol=1e-12, atol=0)


def test_the_functions_of_the_rules_are_the_same():
    centered = LOGITS - LOGITS.mean(2, keepdim=True)
    power = pm.logit_spectrum(centered, OP)
    assert Peaks(min_drop=9).of_logits(LOGITS, OP) == pm.key_frequencies(power, OP, min_drop=9)
    assert Share(0.5).of_logits(LOGITS, OP) == pm.key_frequencies(power, OP, share=0.5)
    assert Sufficient(seed=4).of_logits(LOGITS, OP) == pm.sufficient_frequencies(LOGITS, OP, seed=4)


class Plain:
    """A rule that is no dataclass."""

    def __init__(self, count):
        self.count = count

    def of_logits(self, _, op):
        return op.frequencies[: self.count]


def test_rules_of_other_settings_are_told_apart(tmp_path):
    path = tmp_path / "run.jsonl"
    pm.Recorder(pm.grokking_measures(None, OP, Plain(2), TRAIN), every=1, path=path)(0, Table(LOGITS))
    pm.Recorder(pm.grokking_measures(None, OP, Plain(2), TRAIN), every=1, path=path)(1, Table(LOGITS))
    with pytest.raises(ValueError, match=r"^`path` must be a recording of the same measures"):
        pm.Recorder(pm.grokking_measures(None, OP, Plain(3), TRAIN), every=1, path=path)(2, Table(LOGITS))


def test_equal_rules_look_alike():
    assert repr(Peaks(min_drop=4)) == repr(Peaks())
    assert repr(Share(np.float64(0.9))) == repr(Share())
    assert repr(Sufficient(np.int64(100))) == repr(Sufficient())


def test_rules_are_values():
    assert Peaks() == Peaks(false_alarms=0.01, min_drop=4.0, min_share=0.001)
    assert repr(Share(0.9)) == "Share(share=0.9)"
    assert {Share(0.9), Share(0.9), Share(0.8)} == {Share(0.9), Share(0.8)}
    assert all(isinstance(rule, Rule) for rule in (Peaks(), Share(), Sufficient(), Largest()))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Share(1.0), ValueError, "`share` must be at least 0 and below 1. Got 1.0."),
        (lambda: Share(0.0), ValueError, "`share` must be a finite number above 0. Got 0.0."),
        (lambda: Peaks(min_drop=1), ValueError, "`min_drop` must be a finite number above 1. Got 1."),
        (lambda: Peaks(min_share=0), ValueError, "`min_share` must be a finite number above 0. Got 0."),
        (lambda: Peaks(false_alarms=1), ValueError, "`false_alarms` must be at least 0 and below 1. Got 1."),
        (lambda: Sufficient(draws=0), ValueError, "`draws` must be at least 1. Got 0."),
        (
            lambda: pm.grokking_measures(None, OP, Share, TRAIN),
            TypeError,
            "`frequencies` must be a rule, not its class. Got Share: pass Share().",
        ),
        (
            lambda: pm.add_restricted_loss(recorded(), OP, Sufficient, train_mask=TRAIN),
            TypeError,
            "`frequencies` must be a rule, not its class. Got Sufficient: pass Sufficient().",
        ),
        (
            lambda: pm.grokking_measures(None, OP, "sufficient", TRAIN),
            ValueError,
            "`frequencies` must be frequencies of the operation, 'current', 'final', a rule such as "
            "pm.frequencies.Sufficient(), or a function of the model. Got 'sufficient'.",
        ),
        (
            lambda: pm.key_frequencies(torch.ones(11), share=2.0),
            ValueError,
            "`share` must be at least 0 and below 1. Got 2.0.",
        ),
        (
            lambda: pm.key_frequencies(torch.ones(11), weights=torch.ones(23, 2)),
            ValueError,
            "`op` must be given with `weights`. Got None.",
        ),
    ],
)
def test_options_out_of_range(make, error, message):
    with pytest.raises(error) as caught:
        make()
    assert str(caught.value) == message


def recorded(frequencies="final"):
    recorder = pm.Recorder(pm.grokking_measures(None, OP, frequencies, TRAIN), every=1)
    recorder(0, Table(random_logits(23, seed=3)))
    recorder(1, Table(LOGITS))
    return recorder.trajectory


def test_which_frequencies_suffice_is_recorded_where_they_are_known_in_the_end():
    found = recorded()["sufficient_frequencies"]
    assert (found.nonzero() + torch.tensor([0, 1])).tolist() == [[1, 2], [1, 5], [1, 7]]


@pytest.mark.parametrize(
    ("rule", "keys"), [(Sufficient(), (2, 5, 7)), (Share(0.3), (5,)), (Peaks(), (2, 5, 7, 9)), (Largest(2), (2, 5))]
)
def test_a_rule_names_them_at_the_end(rule, keys):
    run = pm.add_restricted_loss(recorded(), OP, rule, train_mask=TRAIN)
    fixed = recorded(keys)
    for column in ("restricted_loss", "restricted_loss_test", "restricted_accuracy", "key_frequencies"):
        torch.testing.assert_close(run[column], fixed[column], rtol=1e-12, atol=0)
    assert "sufficient_frequencies" in run


def test_a_run_that_was_recorded_without_what_suffices():
    run = recorded()
    older = run.select([name for name in run.columns if name != "sufficient_frequencies"])
    with pytest.raises(ValueError, match=r"^`trajectory` must have the column 'sufficient_frequencies', because mean"):
        pm.add_restricted_loss(older, OP, Sufficient(), train_mask=TRAIN)


def test_a_recording_goes_on_with_the_same_rule_alone(tmp_path):
    path = tmp_path / "run.jsonl"
    pm.Recorder(pm.grokking_measures(None, OP, Share(0.9), TRAIN), every=1, path=path)(0, Table(LOGITS))
    pm.Recorder(pm.grokking_measures(None, OP, Share(0.9), TRAIN), every=1, path=path)(1, Table(LOGITS))
    with pytest.raises(ValueError, match=r'with frequencies "Share\(share=0.9\)", where'):
        pm.Recorder(pm.grokking_measures(None, OP, Share(0.8), TRAIN), every=1, path=path)(2, Table(LOGITS))
    with pytest.raises(ValueError, match=r'where `measures` have frequencies "Largest\(count=1\)'):
        pm.Recorder(pm.grokking_measures(None, OP, Largest(), TRAIN), every=1, path=path)(2, Table(LOGITS))
