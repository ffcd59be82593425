"""Operations of any function: of any operands, of some inputs, of bits; masks, mirrors and labels."""

import copy
import dataclasses
import math
import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import Subset, TensorDataset

import progress_measures as pm
from tests._asserts import assert_close

P = 13
SQUARES = pm.operation(lambda a, b: (a * a + b * b) % P, P, P, name="squares")


def wave(op, k, amplitude=9.0):
    """Logits A cos w_k (s - c) on every input."""
    turn = 2 * math.pi * k / op.n
    return amplitude * torch.cos(turn * (op.table[..., None] - torch.arange(op.n)).double())


def test_a_function_is_called_with_the_tokens():
    op = pm.operation(lambda a, b: a // b % 3, [6, 4, 9], (2, 5), answers=3)
    assert op.inputs.tolist() == [[6, 2], [6, 5], [4, 2], [4, 5], [9, 2], [9, 5]]
    assert op.table.tolist() == [[0, 1], [2, 0], [1, 1]]
    assert repr(op) == "Operation(operation, n=3, frequencies=1, inputs=6)"


def test_a_function_lends_its_name():
    def product(a, b):
        return a * b % 5

    assert pm.operation(product, 5, 5).name == "product"
    assert pm.operation(product, 5, 5, name="a · b").name == "a · b"


def test_any_number_of_operands():
    one = pm.operation(lambda a: a * 3 % 7, 7)
    assert one.table.tolist() == [0, 3, 6, 2, 5, 1, 4]
    three = pm.operation(lambda a, b, c: (a + b + c) % 5, 5, 5, 5)
    assert three.table.shape == (5, 5, 5)
    assert three.inputs.shape == (125, 3)
    assert three.axes == "(x1, x2, x3, c)"
    assert three.table[1, 2, 4] == 2


def test_answers_may_be_tokens_and_those_of_another_operation():
    squares = pm.operation(lambda a: a * a % 7, 7, answers=[0, 1, 2, 4])
    assert squares.elements.tolist() == [0, 1, 2, 4]
    assert squares.table.tolist() == [0, 1, 3, 2, 2, 3, 1]
    s3 = pm.groups.symmetric_group(3)
    table = s3.table.tolist()
    same = pm.operation(lambda a, b: table[a][b], 6, 6, answers=s3)
    assert torch.equal(same.table, s3.table)
    assert torch.equal(same.basis, s3.basis)
    assert same.irreps == s3.irreps
    assert same.on_pairs


def test_addition_of_a_function_is_addition():
    op, own = pm.addition(P), pm.operation(lambda a, b: (a + b) % P, P, P)
    for field in ("elements", "table", "basis", "row_frequency", "inputs"):
        assert torch.equal(getattr(op, field), getattr(own, field))
    assert own.cyclic
    assert own.on_pairs


def test_each_answer_counts_once():
    # Of x² + y² modulo 13 the answer 0 has 25 inputs, and each other has 12.
    logits, mask = wave(SQUARES, 3), torch.rand(P, P, generator=torch.Generator().manual_seed(0)) < 0.4
    assert torch.bincount(SQUARES.table.flatten()).tolist() == [25] + [12] * 12
    assert_close(pm.logit_spectrum(logits, SQUARES), [0, 0, 1, 0, 0, 0], atol=1e-12)
    assert_close(pm.restrict(logits, SQUARES, [3]), logits, atol=1e-12)
    assert_close(pm.excluded_loss(logits, SQUARES, [3], mask=mask), math.log(P), rtol=1e-12)
    assert_close(pm.cosine_coefficients(logits, SQUARES)[2] * (2 / P**2 / P) ** 0.5, 9.0, rtol=1e-12)
    assert pm.key_frequencies(pm.logit_spectrum(logits, SQUARES), SQUARES) == (3,)


def test_a_part_of_the_inputs():
    rows = [(a, b) for a in range(P) for b in range(a, P)]
    some = pm.operation(lambda a, b: (a + b) % P, inputs=rows, answers=P)
    whole = pm.addition(P)
    logits = wave(whole, 2)
    upper = torch.ones(P, P).triu().bool()
    assert some.operands == ()
    assert torch.equal(some.table, whole.table[upper])
    assert some.axes == "(input, c)"
    assert torch.equal(whole.mask(rows), upper)
    of_some = wave(some, 2)
    assert_close(of_some, logits[upper])
    assert_close(pm.cross_entropy(of_some, some), pm.cross_entropy(logits, whole, mask=upper), rtol=1e-12)
    assert_close(pm.excluded_loss(of_some, some, [2]), math.log(P), rtol=1e-12)


def test_zero_among_the_factors():
    op = pm.multiplication(7, zero=True)
    for (a, b), answer in zip(op.inputs.tolist(), op.elements[op.table.flatten()].tolist(), strict=True):
        assert a * b % 7 == answer
    identity = torch.eye(7, dtype=torch.float64)
    assert_close(op.basis @ op.basis.T, identity, atol=1e-14)
    assert op.row_frequency.tolist() == [0, 1, 1, 2, 2, 3, 4]
    assert [op.label(k) for k in op.frequencies] == ["cos 1, sin 1", "cos 2, sin 2", "cos 3", "zero"]
    assert_close(op.basis[1:-1, :-1], pm.fourier_basis(6)[1:], atol=1e-15)
    # A character of the numbers 1..6 that is 0 at 0 is its frequency alone; what tells 0 apart is frequency 4.
    assert_close(pm.spectrum(op.basis[3], op), [0, 1, 0, 0], atol=1e-14)
    at_zero = (op.elements == 0).double()
    assert_close(pm.spectrum(at_zero - at_zero.mean(), op), [0, 0, 0, 6 / 7], atol=1e-14)
    quotients = pm.division(7, zero=True)
    assert quotients.table.shape == (7, 6)
    assert quotients.n == 7
    for (a, b), answer in zip(quotients.inputs.tolist(), quotients.elements[quotients.table.flatten()], strict=True):
        assert answer * b % 7 == a


@pytest.mark.parametrize(
    "make", [pm.addition, pm.subtraction, lambda n, tokens: pm.groups.dihedral_group(n // 2, tokens=tokens)]
)
def test_tokens_that_do_not_begin_at_zero(make):
    op, plain = make(6, tokens=torch.arange(6) + 22), make(6, tokens=range(6))
    assert torch.equal(op.elements, plain.elements + 22)
    assert torch.equal(op.inputs, plain.inputs + 22)
    assert torch.equal(op.table, plain.table)
    assert op.on_pairs


def test_tokens_of_numbers_in_their_order():
    plain, op = pm.multiplication(7), pm.multiplication(7, tokens=np.arange(1, 7) + 10)
    assert torch.equal(op.elements, plain.elements + 10)
    assert torch.equal(op.table, plain.table)
    assert torch.equal(pm.division(7, tokens=range(10, 17)).elements, plain.elements + 10)  # 0's is left out
    assert pm.division(7, zero=True, tokens=range(10, 17)).elements[-1] == 10
    assert pm.groups.symmetric_group(3, tokens=range(4, 10)).elements.tolist() == [*range(4, 10)]
    assert pm.groups.alternating_group(3, tokens=[7, 8, 9]).elements.tolist() == [7, 8, 9]
    product = pm.groups.direct_product(pm.addition(2), pm.addition(2), tokens=[9, 8, 7, 6])
    assert product.elements.tolist() == [9, 8, 7, 6]
    assert pm.parity(2, of=[0], tokens=(3, 4)).inputs.tolist() == [[3, 3], [3, 4], [4, 3], [4, 4]]


def test_parity_and_its_walsh_spectrum():
    op = pm.parity(6, of=(1, 4))
    bits = op.inputs
    assert torch.equal(op.table.flatten(), (bits[:, 1] + bits[:, 4]) % 2)
    sign = (1 - 2 * op.table).double()
    values = sign + 0.5 * (1 - 2 * bits[:, 0]).double().view(op.table.shape)
    share = pm.input_spectrum(values, op)
    expected = torch.zeros([2] * 6, dtype=torch.float64)
    expected[0, 1, 0, 0, 1, 0], expected[1, 0, 0, 0, 0, 0] = 0.8, 0.2
    assert_close(share, expected, atol=1e-14)
    assert op.label(1) == op.label((0, 1, 0, 0, 1, 0)) == "bits 1 and 4"
    assert op.name == "parity of bits 1 and 4"
    logits = torch.stack([torch.zeros_like(values), -values], -1)
    of_answer = pm.restrict(logits, op, [1])
    assert_close(of_answer, pm.restrict(logits, op, [(0, 1, 0, 0, 1, 0)]), atol=1e-14)
    assert_close(of_answer[..., 1], -sign, atol=1e-14)
    rest = pm.exclude(logits, op, [(0, 1, 0, 0, 1, 0)])
    assert_close(rest[..., 1], sign - values, atol=1e-14)
    expected_loss = torch.nn.functional.softplus(torch.tensor([0.5, -0.5]).double()).mean()
    assert_close(pm.excluded_loss(logits, op, [(0, 1, 0, 0, 1, 0)]), expected_loss, rtol=1e-12)


def test_frequencies_of_inputs_of_a_pair():
    op = pm.addition(7)
    a, b = (2 * math.pi / 7 * x.double() for x in torch.meshgrid(torch.arange(7), torch.arange(7), indexing="ij"))
    share = pm.input_spectrum((2 * a).cos() * (3 * b).sin() + (2 * b).cos(), op)
    expected = torch.zeros(4, 4, dtype=torch.float64)
    expected[2, 3], expected[0, 2] = 1 / 3, 2 / 3  # mean squares of 1/4 and 1/2
    assert_close(share, expected, atol=1e-14)
    logits = torch.randn(7, 7, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_close(pm.restrict(logits, op, [(2, 2)]), pm.restrict(logits, op, [2], terms="product"), atol=1e-12)
    three = [(2, 2), (2, 0), (0, 2)]
    assert_close(pm.exclude(logits, op, three), pm.exclude(logits, op, [2], terms="polynomial"), atol=1e-12)
    assert op.label((2, 0)) == "(cos 2, sin 2) of a"
    assert op.label((2, 3)) == "(cos 2, sin 2) of a × (cos 3, sin 3) of b"
    assert op.label((0, 0)) == "constant"


def test_characters_of_operands_in_their_natural_order():
    # Operands that are the answers in another order have the answers' own basis, not that of their places.
    powers = pm.multiplication(7)
    op = pm.operation(lambda a, b: a * b % 7, range(1, 7), range(1, 7), answers=powers)
    place = torch.tensor([powers.elements.tolist().index(token) for token in range(1, 7)])
    character = powers.basis[1][place]
    values = character[:, None] * torch.ones(6)
    assert_close(pm.input_spectrum(values, op)[1, 0], 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda rows: rows,
        lambda rows: rows.numpy(),
        lambda rows: rows.tolist(),
        lambda rows: [tuple(row) for row in rows.tolist()],
        lambda rows: rows.double(),
        lambda rows: rows.to(torch.int16),
        lambda rows: TensorDataset(rows, rows.sum(1)),
        lambda rows: Subset(TensorDataset(rows.flip(0), rows.sum(1)), range(len(rows))),
        lambda rows: [(row, int(row.sum())) for row in rows],
    ],
)
def test_masks_of_rows(wrap):
    op = pm.multiplication(7)
    chosen = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    rows = op.inputs[chosen.flatten()]
    rows = rows[torch.randperm(len(rows), generator=torch.Generator().manual_seed(1))]
    assert torch.equal(op.mask(wrap(rows)), chosen)


def test_masks_of_rows_with_other_tokens():
    op = pm.addition(5)
    rows = torch.tensor([[1, 9, 4, 8], [0, 9, 2, 8]])  # a + b =
    assert op.mask(rows, columns=[0, 2]).nonzero().tolist() == [[0, 2], [1, 4]]
    assert op.mask(rows, columns=[-4, -2]).sum() == 2
    a, b, label = torch.tensor([[1, 0], [4, 2], [0, 2]])
    assert op.mask(TensorDataset(a, b, label), columns=[0, 1]).nonzero().tolist() == [[0, 2], [1, 4]]
    assert op.mask([]).sum() == 0
    assert pm.operation(lambda a: a, 4).mask([2, 3]).tolist() == [False, False, True, True]


def test_mirrors():
    op, other = pm.addition(5), pm.subtraction(5)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(0)) < 0.5
    assert torch.equal(op.mirrored(mask), mask.T)
    assert torch.equal(op.mirrored(mask.flatten()), mask.T)
    assert torch.equal(other.mirrored(mask), mask & torch.eye(5).bool())  # only (a, a) has its mirror's answer
    three = pm.operation(lambda a, b, c: (a + b + c) % 4, 4, 4, 4)
    assert three.mirrored(three.mask([[0, 1, 2]])).nonzero().tolist() == [
        [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]
    ]  # fmt: skip
    assert three.mirrored(three.mask([[0, 1, 1]])).sum() == 3  # of which it is one


def test_losses_of_other_kinds():
    op, generator = pm.addition(5), torch.Generator().manual_seed(0)
    logits = torch.randn(5, 5, 5, generator=generator, dtype=torch.float64)
    one_hot = torch.nn.functional.one_hot(op.table, 5)
    squared = (logits - one_hot).square().mean()
    measured = pm.measure(logits, op, [1], train_mask=torch.ones(5, 5).bool(), loss="mse")
    assert_close(measured.train_loss, squared, rtol=1e-14)
    means = torch.stack([logits[op.table == s].mean(0) for s in range(5)])  # all that frequencies 1 and 2 leave
    expected = (means[op.table] - one_hot).square().mean()
    assert_close(pm.restricted_loss(logits, op, [1, 2], loss="mse"), expected, rtol=1e-12)

    def doubled(logits, answers):
        return 2 * torch.nn.functional.cross_entropy(logits, answers, reduction="none")

    mask = op.table < 2
    twice = pm.measure(logits, op, [1], train_mask=mask, loss=doubled).as_dict()
    once = pm.measure(logits, op, [1], train_mask=mask).as_dict()
    for name, value in once.items():
        assert_close(twice[name], value if "accuracy" in name else 2 * value, rtol=1e-12)
    assert_close(
        pm.excluded_loss_per_frequency(logits, op, mask=mask, loss=doubled),
        2 * pm.excluded_loss_per_frequency(logits, op, mask=mask),
        rtol=1e-12,
    )


def test_labels_count_where_they_were_trained_on():
    op, mask = pm.addition(5), pm.addition(5).table < 2
    labels = (op.table + mask) % 5  # of the training inputs, all are wrong
    logits = 30.0 * torch.nn.functional.one_hot(labels, 5)
    measured = pm.measure(logits, op, [1, 2], train_mask=mask, labels=labels)
    assert measured.train_accuracy == measured.test_accuracy == 1
    assert measured.train_loss < 1e-10
    honest = pm.measure(logits, op, [1, 2], train_mask=mask)
    assert honest.train_accuracy == 0
    assert honest.train_loss > 29
    assert_close(honest.restricted_loss, measured.restricted_loss)
    elsewhere = torch.where(mask, labels, -1)  # is not looked at where nothing was trained
    assert_close(pm.measure(logits, op, [1, 2], train_mask=mask, labels=elsewhere).train_loss, measured.train_loss)


def test_a_test_set_of_ones_own():
    op, mask = pm.addition(5), pm.addition(5).table < 2
    logits = torch.randn(5, 5, 5, generator=torch.Generator().manual_seed(0))
    clean = ~(mask | op.mirrored(mask)) & (op.inputs[:, 0] > 2).view(5, 5)
    measured = pm.measure(logits, op, [1], train_mask=mask, test_mask=clean)
    assert_close(measured.test_loss, pm.cross_entropy(logits, op, mask=clean), rtol=1e-12)
    nothing = pm.measure(logits, op, [1], train_mask=mask, test_mask=torch.zeros_like(mask))
    assert nothing.test_loss.isnan()
    assert nothing.test_accuracy.isnan()
    assert nothing.restricted_loss_test.isnan()
    assert_close(nothing.train_loss, measured.train_loss)


def noisy(op):
    """Every other answer is another."""
    wrong = torch.arange(op.table.numel()).view(op.table.shape) % 2
    return (op.table + wrong) % op.n


class Answers(torch.nn.Module):
    """Logits that are parameters, one row per input of an operation."""

    def __init__(self, op):
        super().__init__()
        self.op = op
        self.rows = torch.nn.Parameter(torch.randn(len(op.inputs), op.n, generator=torch.Generator().manual_seed(0)))

    def forward(self, tokens):
        found = (tokens[:, None] == self.op.inputs).all(-1).int().argmax(1)
        return self.rows[found]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_recorded_with_labels_and_a_test_set(loss):
    op, model = SQUARES, Answers(SQUARES)
    mask, labels = op.mask(op.inputs[::3]), noisy(op)
    options = {"test_mask": op.mask(op.inputs[1::3]), "labels": labels, "loss": loss}
    recorder = pm.Recorder(pm.grokking_measures(None, op, [1, 2], mask, **options))
    recorder(0, model)
    expected = pm.measure(pm.grid_logits(model, op), op, [1, 2], train_mask=mask, **options)
    for name, value in vars(expected).items():
        assert_close(recorder.trajectory[name][0], value.detach(), rtol=1e-12)
    late = pm.Recorder(pm.grokking_measures(None, op, "final", mask, **options))
    late(0, model)
    added = pm.add_restricted_loss(late.trajectory, op, [1, 2], train_mask=mask, **options)
    for name in ("restricted_loss", "restricted_loss_train", "restricted_loss_test", "restricted_accuracy"):
        assert_close(added[name], recorder.trajectory[name], rtol=1e-12)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_controls_with_labels_and_a_test_set(loss):
    op = SQUARES
    logits = torch.randn(P, P, P, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    options = {
        "train_mask": op.mask(op.inputs[::3]),
        "test_mask": op.mask(op.inputs[1::3]),
        "labels": noisy(op),
        "loss": loss,
    }
    measured = pm.measure(logits, op, [2, 5], **options)
    for control in (pm.random_frequency_control, pm.shuffled_label_control):
        controls = control(logits, op, [2, 5], draws=3, **options)
        for name, found in vars(controls).items():
            assert_close(found.real, getattr(measured, name), rtol=1e-12)
            assert found.draws.shape == (3,)
            assert len(set(found.draws.tolist())) > 1


@pytest.mark.parametrize(
    "op",
    [
        SQUARES,
        pm.parity(4, of=(0, 1)),
        pm.division(7, zero=True),
        pm.operation(lambda a, b: (a + b) % 3, inputs=[(2, 0), (0, 1), (1, 2)], answers=3),
    ],
    ids=lambda op: op.name,
)
@pytest.mark.parametrize("again", [copy.deepcopy, lambda op: pickle.loads(pickle.dumps(op)), dataclasses.replace])
def test_operations_are_copied(op, again):
    copied = again(op)
    for name, value in vars(op).items():
        found = getattr(copied, name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(found, value)
        elif name == "operands":
            assert all(torch.equal(one, other) for one, other in zip(found, value, strict=True))
        elif name != "irreps":
            assert found == value


def test_labels_of_rows_in_any_order():
    op, generator = pm.multiplication(11, zero=True), torch.Generator().manual_seed(0)
    chosen = torch.randperm(121, generator=generator)[:60]
    rows, labels = op.inputs[chosen], op.elements[(op.table.flatten()[chosen] + torch.arange(60) % 2) % 11]
    expected = op.table.flatten().clone()
    expected[chosen] = (expected[chosen] + torch.arange(60) % 2) % 11
    for found in (
        op.labels(rows, labels),
        op.labels(rows.tolist(), labels.tolist()),
        op.labels(TensorDataset(rows, labels)),
        op.labels(Subset(TensorDataset(rows.flip(0), labels.flip(0)), range(60))),
        op.labels([(row, int(label)) for row, label in zip(rows, labels, strict=True)]),
        op.labels(torch.cat([rows, rows], 0), torch.cat([labels, labels])),
    ):
        assert torch.equal(found, expected.view(11, 11))
    logits = 9.0 * torch.nn.functional.one_hot(expected, 11).double()
    measured = pm.measure(logits, op, [1], train_mask=op.mask(rows), labels=op.labels(rows, labels))
    assert measured.train_accuracy == measured.test_accuracy == 1


def test_labels_in_the_order_of_the_data_are_told():
    op = pm.addition(11)
    labels = op.table.flatten()[torch.randperm(121, generator=torch.Generator().manual_seed(0))]
    with pytest.warns(UserWarning, match=r"^`labels` agree with [\d.]+% of the training inputs' answers, no more than"):
        pm.measure(torch.zeros(11, 11, 11), op, [1], train_mask=torch.ones(11, 11).bool(), labels=labels)


class Shifted(TensorDataset):
    """Items that are not those of its tensors."""

    def __getitem__(self, index):
        return self.tensors[0][index] + 1


class Wrapped:
    """Another kind of subset, which has rows of its own."""

    def __init__(self, dataset, indices):
        self.dataset, self.indices = dataset, indices

    def __len__(self):
        return len(self.indices)

    def __getitem__(self, index):
        return self.dataset[self.indices[index]][0] + 1


def test_items_of_datasets_are_their_own():
    op, rows = pm.addition(5), torch.tensor([[0, 1], [2, 3]])
    assert op.mask(Shifted(rows)).nonzero().tolist() == [[1, 2], [3, 4]]
    assert op.mask(Wrapped(TensorDataset(rows), [1])).nonzero().tolist() == [[3, 4]]
    assert op.mask(Subset(TensorDataset(rows, rows), [1])).nonzero().tolist() == [[2, 3]]
    a, b = rows.T
    assert op.mask(TensorDataset(a[:, None], b[:, None])).nonzero().tolist() == [[0, 1], [2, 3]]
    assert op.mask(TensorDataset(a, b, torch.zeros(2, 9))).nonzero().tolist() == [[0, 1], [2, 3]]
    items = [[row.bfloat16().requires_grad_(), 1] for row in rows]
    assert op.mask(items).nonzero().tolist() == [[0, 1], [2, 3]]
    assert pm.parity(2, of=[0]).mask(torch.tensor([[True, False], [False, False], [True, True]])).sum() == 3


def test_operands_in_another_order_or_with_other_tokens_are_still_pairs():
    powers = pm.multiplication(7)
    natural = pm.operation(lambda a, b: a * b % 7, range(1, 7), range(1, 7), answers=powers)
    place = [powers.elements.tolist().index(token) for token in range(1, 7)]
    logits = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    permuted = logits[place][:, place]
    for terms in ("product", "polynomial"):
        assert_close(
            pm.restrict(permuted, natural, [2], terms=terms),
            pm.restrict(logits, powers, [2], terms=terms)[place][:, place],
        )
        assert_close(
            pm.excluded_loss_per_frequency(permuted, natural, terms=terms),
            pm.excluded_loss_per_frequency(logits, powers, terms=terms),
            rtol=1e-12,
        )
    assert_close(pm.neuron_spectrum(permuted, natural), pm.neuron_spectrum(logits, powers), rtol=1e-10)
    offset = pm.operation(lambda a, b: (a + b - 4) % 7, range(2, 9), range(2, 9), answers=7)
    neurons = torch.randn(7, 7, 3, generator=torch.Generator().manual_seed(0))
    assert_close(pm.neuron_spectrum(neurons, offset), pm.neuron_spectrum(neurons, pm.addition(7)), rtol=1e-12)


def test_frequencies_of_the_inputs_are_recorded():
    op, model = (
        pm.parity(4, of=(0, 2)),
        torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)),
    )
    mask = op.mask(op.inputs[::3])
    measure = pm.grokking_measures(lambda model, rows: model(rows.float()), op, [(1, 0, 1, 0)], mask)
    measured = measure(model)
    logits = pm.grid_logits(lambda rows: model(rows.float()), op)
    assert_close(measured["restricted_loss"], pm.restricted_loss(logits, op, [1]), rtol=1e-12)
    assert "key_frequencies" not in measured


def test_a_model_of_floats_is_told_from_tokens():
    with pytest.raises(RuntimeError) as caught:
        pm.grid_logits(torch.nn.Linear(3, 2), pm.parity(3, of=[0]))
    assert caught.value.__notes__ == [
        "Tokens are int64. Give floats to a model by `lambda tokens: model(tokens.float())`."
    ]
    in_float32 = torch.nn.CrossEntropyLoss(weight=torch.ones(5), reduction="none")
    with pytest.raises(RuntimeError) as caught:
        pm.excluded_loss(torch.zeros(5, 5, 5), pm.addition(5), [1], loss=in_float32)
    assert caught.value.__notes__[0].startswith("`loss` is called with logits, float64, (rows, n), and the indices")


def test_the_remedies_of_messages_run():
    def answer(a, b):
        return (a * a + b * b) % 5

    some = pm.operation(answer, inputs=[(a, b) for a in range(5) for b in range(a, 5)], answers=5)
    rectangle = pm.operation(answer, range(5), range(4), answers=5)
    generator = torch.Generator().manual_seed(0)
    for op, remedies in (
        (some, [lambda x: pm.spectra.answer_spectrum(x[..., 0], some)]),
        (rectangle, [lambda x: pm.input_spectrum(x[..., 0], rectangle), lambda x: pm.restrict(x, rectangle, [(1, 0)])]),
    ):
        values = torch.randn(*op.table.shape, 5, generator=generator)
        for refused in (
            lambda x, op=op: pm.neuron_spectrum(x, op),
            lambda x, op=op: pm.restricted_loss(x, op, [1], terms="product"),
        ):
            with pytest.raises(ValueError, match=r"^`op` must take all pairs"):
                refused(values)
        pm.restricted_loss(values, op, [1], terms="sum")
        for remedy in remedies:
            assert torch.isfinite(remedy(values)).all()


def test_a_symmetric_network_on_half_of_the_pairs_can_be_measured_on_all():
    p = 7
    full = pm.operation(lambda a, b: (a * a + b * b) % p, p, p)

    def net(tokens):  # knows a <= b only
        a, b = tokens.T
        right = torch.nn.functional.one_hot((a * a + b * b) % p, p).double()
        return torch.where((a <= b)[:, None], right, -right)

    logits = pm.grid_logits(lambda tokens: net(tokens.sort(1).values), full)
    assert pm.accuracy(logits, full) == 1
    torch.testing.assert_close(pm.input_spectrum(logits, full), pm.input_spectrum(logits, full).T)
