"""Random functions of random inputs: one to four operands of any tokens, or some inputs only."""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, given, strategies as st
from torch import Tensor
from torch.utils.data import TensorDataset

import progress_measures as pm
from tests._asserts import assert_close
from tests.properties._strategies import DTYPES, generator, normal, scales, seeds

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here

TERMS = ("sum", "aligned")
MOST_ANSWERS = 7


def cosines(logits, answers):
    """A loss of the user's, smooth and bounded."""
    return logits.gather(1, answers[:, None])[:, 0].cos()


tokens = st.integers(0, 40)
losses = st.sampled_from(["cross_entropy", "mse", cosines])


@dataclass(frozen=True, eq=False)
class Case:
    """An operation, and what it is measured with; a failure shows what it consists of."""

    op: pm.Operation
    logits: Tensor  # (N, n)
    keys: list  # some frequencies of the answer, possibly none, possibly all
    train: Tensor  # (N,), at least one input
    test: Tensor  # (N,), possibly none
    labels: Tensor  # (N,)

    @property
    def split(self):
        return {"train_mask": self.train, "test_mask": self.test, "labels": self.labels}

    def __repr__(self):
        op = self.op
        return f"Case({op!r}, {op.inputs.tolist()} -> {op.table.tolist()}, {op.elements}, {self.keys}, {vars(self)})"


def table_of(draw, count, n):
    """The index of each input's answer; each of n occurs."""
    values = torch.randint(n, (count,), generator=generator(draw(seeds)))
    values[:n] = torch.arange(n)
    return values[torch.randperm(count, generator=generator(draw(seeds)))]


@st.composite
def bases(draw, n):
    """Fourier's, or any orthonormal functions of which the first is constant, in frequencies of any number of rows."""
    if draw(st.booleans()):
        op = pm.addition(n)
        return op.basis, op.row_frequency
    columns = normal(n, n, seed=draw(seeds))
    columns[:, 0] = 1
    basis = torch.linalg.qr(columns).Q.T
    basis[0] = n**-0.5
    steps = torch.tensor([0, *([1] if n > 1 else []), *draw(st.lists(st.booleans(), min_size=n, max_size=n))])
    return basis, steps[:n].cumsum(0)


@st.composite
def operations(draw, on_grid, among=tokens, most=MOST_ANSWERS):
    """A function of all combinations of operands, or of some of these in any order."""
    count = draw(st.integers(1, 4))
    axes = [draw(st.lists(among, min_size=1, max_size=5, unique=True)) for _ in range(count)]
    shape = [len(axis) for axis in axes]
    n = draw(st.integers(1, min(math.prod(shape), most)))
    table = table_of(draw, math.prod(shape), n)
    same = [axis for axis in axes if len(axis) == n]  # operands whose tokens are those of the answers
    elements = draw(st.permutations(same[0])) if same else draw(st.lists(among, min_size=n, max_size=n, unique=True))
    basis, of_row = draw(bases(n))
    fields = {"elements": torch.tensor(elements), "basis": basis, "row_frequency": of_row}
    every = tuple(torch.tensor(axis) for axis in axes)
    if draw(on_grid):
        return pm.Operation("random", table=table.view(shape), operands=every, **fields)
    rows = torch.cartesian_prod(*every).reshape(-1, count)
    chosen = torch.rand(len(rows), generator=generator(draw(seeds))) < draw(st.sampled_from([0.2, 0.6, 1.0]))
    chosen[torch.tensor([table.tolist().index(s) for s in range(n)])] = True  # each answer occurs
    order = chosen.nonzero()[:, 0]
    order = order[torch.randperm(len(order), generator=generator(draw(seeds)))]
    return pm.Operation("random", table=table[order], inputs=rows[order], **fields)


grids, samples = operations(st.just(True)), operations(st.just(False))
either = st.one_of(grids, samples)
alike = operations(st.booleans(), among=st.integers(0, 3), most=3)  # operands with tokens and answers in common


@st.composite
def cases(draw, of=either):
    op = draw(of)
    count, chance = len(op.inputs), st.sampled_from([0.1, 0.5, 1.0])
    x = 2 * normal(op.n, op.n, seed=draw(seeds))[op.table.flatten()] + normal(count, op.n, seed=draw(seeds))
    train, test, noise = (
        torch.rand(count, generator=generator(draw(seeds))) < p for p in (draw(chance), draw(chance), draw(chance) / 2)
    )
    train[draw(st.integers(0, count - 1))] = True
    others = torch.randint(op.n, (count,), generator=generator(draw(seeds)))
    return Case(
        op,
        (draw(scales) * (x + 3 * normal(op.n, seed=draw(seeds)))).to(draw(st.sampled_from(DTYPES))),
        draw(st.lists(st.sampled_from(op.frequencies), unique=True)) if op.frequencies else [],
        train,
        test,
        torch.where(noise & train, others, op.table.flatten()),
    )


@st.composite
def filters(draw):
    """A case, and frequencies with what is meant of them: of the answer, or of all its inputs."""
    case = draw(cases())
    if not case.op.operands or draw(st.booleans()):
        return case, case.keys, {"terms": draw(st.sampled_from(TERMS))}
    every = tuples(case.op)
    return case, draw(st.lists(st.sampled_from(every), unique=True)) if every else [], {}


def tuples(op):
    """All frequencies of the inputs, without the constant."""
    highest = [int(op.operand_basis(axis)[1][-1]) for axis in range(len(op.operands))]
    return [*itertools.product(*(range(k + 1) for k in highest))][1:]


def weights(op):
    """One over the number of inputs with the same answer."""
    table = op.table.flatten()
    return 1 / torch.bincount(table).double()[table]


def constant(x, op, keys):
    """The mean over the answers, or, for frequencies of the inputs, over the inputs."""
    if any(isinstance(k, tuple) for k in keys):
        return x.mean(0)
    return torch.stack([x[op.table.flatten() == s].mean(0) for s in range(op.n)]).mean(0)


def assert_equal_logits(actual, expected, *sources):
    """Equal to the rounding of float64, with respect to the size of what they were computed from."""
    assert actual.dtype == torch.float64
    largest = max(float(x.double().abs().max()) for x in (expected, *sources))
    assert_close(actual, expected.double(), rtol=0, atol=1e-12 * largest)


def assert_same(actual, expected, x, loss="cross_entropy"):
    """Measures by name, where both have them, as equal as logits of that size, which are rounded, let them be."""
    largest = float(x.double().abs().max())
    atol = 0.0 if loss == "cross_entropy" else 1e-12 * largest * (1 + largest)
    assert actual.keys() & expected.keys()
    for name in actual.keys() & expected.keys():
        assert_close(actual[name], expected[name], rtol=1e-11 + 1e-13 * largest, atol=atol)


# Filters.


@given(filters())
def test_both_filters_add_up_to_the_logits_and_their_constant(drawn):
    case, keys, options = drawn
    x = case.logits
    kept, rest = (f(x, case.op, keys, **options).flatten(0, -2) for f in (pm.restrict, pm.exclude))
    assert_equal_logits(kept + rest, x.double() + constant(x.double(), case.op, keys), x)


@given(filters(), st.sampled_from([pm.restrict, pm.exclude]))
def test_filtering_twice_changes_nothing(drawn, function):
    case, keys, options = drawn
    once = function(case.logits, case.op, keys, **options)
    assert once.shape == (*case.op.table.shape, case.op.n)
    assert_equal_logits(function(once, case.op, keys, **options), once, case.logits)


@given(filters(), st.sampled_from([pm.restrict, pm.exclude]), seeds)
def test_filters_are_orthogonal_projections_if_each_answer_counts_once(drawn, function, seed):
    case, keys, options = drawn
    x, op = case.logits.double(), case.op
    y = float(x.abs().max()) * normal(*x.shape, seed=seed)
    w = torch.ones(len(x), dtype=x.dtype) if any(isinstance(k, tuple) for k in keys) else weights(op)
    of_x, of_y = (function(values, op, keys, **options).flatten(0, -2) for values in (x, y))
    left, right = (w @ (of_x * y)).sum(), (w @ (x * of_y)).sum()
    assert_close(left, right, rtol=0, atol=1e-12 * float(x.abs().max() * y.abs().max() * w.sum() * op.n))


@given(cases(), st.sampled_from(TERMS))
def test_parts_of_different_frequencies_are_orthogonal_if_each_answer_counts_once(case, terms):
    x, op, w = case.logits.double(), case.op, weights(case.op)[:, None]
    parts = [x - pm.exclude(x, op, [k], terms=terms).flatten(0, -2) for k in op.frequencies]
    for p, q in itertools.combinations([torch.ones_like(x), *parts], 2):
        products = (w * p).T @ q  # of every output of one with every output of the other
        scale = float((1 + x.abs().max()) ** 2 * op.n)
        assert_close(products, torch.zeros_like(products), rtol=0, atol=1e-12 * scale)


@given(cases(grids))
def test_parts_of_different_inputs_are_orthogonal_and_together_the_logits(case):
    x, op, every = case.logits.double(), case.op, tuples(case.op)
    assume(len(every) <= 30)
    parts = [x - pm.exclude(x, op, [k]).flatten(0, -2) for k in every]
    for p, q in itertools.combinations([torch.ones_like(x), *parts], 2):
        assert_close(p.T @ q, torch.zeros(op.n, op.n), rtol=0, atol=1e-12 * float((1 + x.abs().max()) ** 2 * len(x)))
    assert_equal_logits(sum(parts, torch.zeros_like(x)), x - x.mean(0), x)


@given(cases(grids))
def test_all_frequencies_of_the_inputs_are_everything(case):
    x, op, every = case.logits, case.op, tuples(case.op)
    assume(every)  # one input has only a constant
    assert_equal_logits(pm.restrict(x, op, every).flatten(0, -2), x)
    assert_equal_logits(pm.exclude(x, op, every).flatten(0, -2), x.double().mean(0).expand_as(x), x)


@given(cases())
def test_all_frequencies_of_the_answer_are_the_means_of_each_answer(case):
    x, op, table = case.logits.double(), case.op, case.op.table.flatten()
    kept = pm.restrict(x, op, op.frequencies).flatten(0, -2)
    for s in range(op.n):
        assert_equal_logits(kept[table == s], x[table == s].mean(0).expand(int((table == s).sum()), -1), x)


@st.composite
def tables_of_pairs(draw):
    """A random answer to each pair of elements: a table that need not be that of a group."""
    n = draw(st.integers(2, 6))
    basis, of_row = draw(bases(n))
    elements = torch.tensor(draw(st.lists(tokens, min_size=n, max_size=n, unique=True)))
    return pm.Operation("random", elements, table_of(draw, n * n, n).view(n, n), basis, of_row)


@given(cases(tables_of_pairs()), st.sampled_from(["product", "polynomial"]))
def test_products_of_functions_of_two_operands(case, terms):
    x, op, keys = case.logits, case.op, case.keys
    kept, rest = (f(x, op, keys, terms=terms) for f in (pm.restrict, pm.exclude))
    assert_equal_logits((kept + rest).flatten(0, 1), x.double() + x.double().mean(0), x)
    assert_equal_logits(pm.restrict(kept, op, keys, terms=terms), kept, x)
    others = [] if terms == "product" else [pair for k in keys for pair in ((k, 0), (0, k))]
    if keys:
        assert_equal_logits(pm.restrict(x, op, [(k, k) for k in keys] + others), kept, x)
    found = pm.excluded_loss_per_frequency(x, op, mask=case.train, terms=terms)
    each = [pm.excluded_loss(x, op, [k], mask=case.train, terms=terms) for k in op.frequencies]
    assert_same({"loss": found}, {"loss": torch.stack(each)}, x)


# Losses.


@given(cases(), losses)
def test_measure_gives_the_numbers_of_the_separate_functions(case, loss):
    x, op, keys, train = case.logits, case.op, case.keys, case.train
    found = vars(pm.measure(x, op, keys, train_mask=train, test_mask=case.test, loss=loss))
    separate = {
        "train_accuracy": pm.accuracy(x, op, mask=train),
        "restricted_loss": pm.restricted_loss(x, op, keys, loss=loss),
        "restricted_loss_train": pm.restricted_loss(x, op, keys, mask=train, loss=loss),
        "restricted_accuracy": pm.accuracy(pm.restrict(x, op, keys), op),
        "excluded_loss": pm.excluded_loss(x, op, keys, mask=train, loss=loss),
        "excluded_accuracy": pm.accuracy(pm.exclude(x, op, keys), op, mask=train),
        "excluded_loss_per_frequency": pm.excluded_loss_per_frequency(x, op, mask=train, loss=loss),
    }
    if loss == "cross_entropy":
        separate["train_loss"] = pm.cross_entropy(x, op, mask=train)
    if case.test.any():
        separate["test_accuracy"] = pm.accuracy(x, op, mask=case.test)
        separate["restricted_loss_test"] = pm.restricted_loss(x, op, keys, mask=case.test, loss=loss)
    assert_same(found, separate, x, loss)
    for name in {"test_loss", "test_accuracy", "restricted_loss_test"} if not case.test.any() else ():
        assert found[name].isnan()
    with_answers = pm.measure(x, op, keys, train_mask=train, test_mask=case.test, labels=op.table, loss=loss)
    assert_same(vars(with_answers), found, x, loss)


@given(filters(), losses)
def test_losses_are_those_of_the_logits_that_are_left(drawn, loss):
    case, keys, options = drawn
    op, x = case.op, case.logits
    of_kept, of_rest = (
        pm.measure(f(x, op, keys, **options), op, [], train_mask=case.train, loss=loss).train_loss
        for f in (pm.restrict, pm.exclude)
    )
    options |= {"mask": case.train, "loss": loss}
    found = {"kept": pm.restricted_loss(x, op, keys, **options), "rest": pm.excluded_loss(x, op, keys, **options)}
    assert_same(found, {"kept": of_kept, "rest": of_rest}, x, loss)


@given(filters(), losses)
def test_labels_are_asked_of_training_inputs_alone(drawn, loss):
    case, keys, _ = drawn
    op, x, names = case.op, case.logits, ("test_loss", "test_accuracy", "restricted_loss", "restricted_loss_test")
    split = {"train_mask": case.train, "test_mask": case.test, "loss": loss}
    plain = vars(pm.measure(x, op, keys, **split))
    found = vars(pm.measure(x, op, keys, labels=torch.where(case.train, case.labels, -7), **split))
    assert_same(found, {name: plain[name] for name in names}, x, loss)
    # The network is asked for its labels as in a task where these are the answers of the training inputs.
    relabelled = pm.measure(x, op, [], labels=case.labels, **split)
    rows = x[case.train].double()
    expected = torch.nn.functional.cross_entropy(rows, case.labels[case.train])
    if loss == "cross_entropy":
        assert_close(relabelled.train_loss, expected, rtol=1e-6, atol=1e-9)
    assert relabelled.train_accuracy == (rows.argmax(1) == case.labels[case.train]).double().mean()


@given(cases(), losses, seeds)
def test_the_order_of_the_inputs_changes_nothing(case, loss, seed):
    op, order = case.op, torch.randperm(len(case.op.inputs), generator=generator(seed))
    fields = {name: getattr(op, name) for name in ("name", "elements", "basis", "row_frequency")}
    other = pm.Operation(table=op.table.flatten()[order], inputs=op.inputs[order], **fields)
    moved = {name: values[order] for name, values in case.split.items()}
    found = vars(pm.measure(case.logits[order], other, case.keys, loss=loss, **moved))
    assert_same(found, vars(pm.measure(case.logits, op, case.keys, loss=loss, **case.split)), case.logits, loss)
    if op.n > 1:
        spectra = (pm.logit_spectrum(case.logits[order], other), pm.logit_spectrum(case.logits, op))
        assert_close(*spectra, rtol=1e-9, atol=1e-12)


@given(cases(grids), losses)
def test_all_inputs_one_by_one_are_all_combinations(case, loss):
    op = case.op
    fields = {name: getattr(op, name) for name in ("name", "elements", "basis", "row_frequency")}
    other = pm.Operation(table=op.table.flatten(), inputs=op.inputs, **fields)
    found = vars(pm.measure(case.logits, other, case.keys, loss=loss, **case.split))
    assert_same(found, vars(pm.measure(case.logits, op, case.keys, loss=loss, **case.split)), case.logits, loss)
    assert torch.equal(
        pm.restrict(case.logits, other, case.keys), pm.restrict(case.logits, op, case.keys).flatten(0, -2)
    )


@given(cases(), losses, seeds)
def test_the_order_of_the_elements_changes_nothing(case, loss, seed):
    op, order = case.op, torch.randperm(case.op.n, generator=generator(seed))
    place = order.argsort()  # where each element went
    fields = {"elements": op.elements[order], "basis": op.basis[:, order], "row_frequency": op.row_frequency}
    inputs = {"operands": op.operands} if op.operands else {"inputs": op.inputs}
    other = pm.Operation("in another order", table=place[op.table], **fields, **inputs)
    x, moved = case.logits, case.logits[:, order]
    split = case.split | {"labels": place[case.labels]}
    found = vars(pm.measure(moved, other, case.keys, loss=loss, **split))
    expected = vars(pm.measure(x, op, case.keys, loss=loss, **case.split))
    by_order = {name for name in expected if "accuracy" in name}  # among equal logits, the first counts
    assert_same(found, {name: expected[name] for name in expected.keys() - by_order}, x, loss)
    for function in (pm.logit_spectrum, pm.cosine_coefficients):
        one, two = function(moved, other), function(x, op)
        assert_close(one, two, rtol=1e-9, atol=1e-12 * float(1 + x.double().norm()))
    if op.operands:
        assert_close(pm.input_spectrum(moved, other), pm.input_spectrum(x, op), rtol=1e-9, atol=1e-12)


# Spectra.


@given(cases(grids))
def test_shares_of_the_inputs_add_up_to_one_where_values_vary(case):
    x, op = case.logits, case.op
    share = pm.input_spectrum(x, op)
    assert share.shape == tuple(1 + int(op.operand_basis(axis)[1][-1]) for axis in range(len(op.operands)))
    assert share.flatten()[0] == 0
    assert share.min() >= 0
    assert_close(share.sum(), float((x != x[0]).any()), rtol=1e-9)
    y = x.double()
    for k in tuples(op)[:5]:
        part = y - pm.exclude(x, op, [k]).flatten(0, -2)
        expected = part.square().sum() / (y - y.mean(0)).square().sum()
        assert_close(share[k], expected.nan_to_num(), rtol=1e-8, atol=1e-12)


@given(cases())
def test_shares_of_the_answer_add_up_to_what_depends_on_it(case):
    x, op, w = case.logits.double(), case.op, weights(case.op)
    share = pm.logit_spectrum(x, op)
    centred, kept = (y - constant(x, op, []) for y in (x, pm.restrict(x, op, op.frequencies).flatten(0, -2)))
    if op.n > 1:
        expected = (w @ kept.square()).sum() / (w @ centred.square()).sum()
        assert_close(share.sum(), expected, rtol=1e-9)
        assert_close(pm.logit_spectrum(kept, op).sum(), 1.0, rtol=1e-9)
    assert share.sum() <= 1 + 1e-9


# Inputs as rows of tokens.


@given(cases(), seeds)
def test_the_mask_of_the_inputs_of_a_mask(case, seed):
    op, mask = case.op, case.test
    rows = op.inputs[mask]
    rows = rows[torch.randint(len(rows), (2 * len(rows),), generator=generator(seed))] if len(rows) else rows
    rows = torch.cat([rows, op.inputs[mask]])  # in any order, some more than once
    expected = mask.view(op.table.shape)
    padded = torch.cat([rows.flip(1), torch.full((len(rows), 1), 99)], 1)
    backwards = [*range(rows.shape[1])][::-1]
    for found in (
        op.mask(rows),
        op.mask(rows.numpy().astype(np.int32)),
        op.mask(rows.tolist()),
        op.mask(padded, columns=backwards),
        op.mask(TensorDataset(rows, torch.zeros(len(rows)))),
    ):
        assert torch.equal(found, expected)


@given(cases(alike))
def test_mirrored_inputs_are_those_of_which_another_order_is_in_the_mask(case):
    op, mask = case.op, case.train
    answer_of = dict(zip(map(tuple, op.inputs.tolist()), op.table.flatten().tolist(), strict=True))
    chosen = {row for row, inside in zip(answer_of, mask.tolist(), strict=True) if inside}
    places = range(op.inputs.shape[1])
    others = [order for order in itertools.permutations(places) if order != tuple(places)]

    def mirrors(row):
        return {tuple(row[i] for i in order) for order in others}

    expected = [any(m in chosen and answer_of[m] == answer for m in mirrors(row)) for row, answer in answer_of.items()]
    found = op.mirrored(mask)
    assert found.shape == op.table.shape
    assert found.flatten().tolist() == expected


@given(st.lists(tokens, min_size=1, max_size=6, unique=True), seeds, st.integers(1, 5))
def test_the_mirror_of_a_symmetric_table_is_its_transpose(operand, seed, n):
    m = len(operand)
    upper = torch.randint(n, (m, m), generator=generator(seed)).triu()
    op = pm.operation(
        lambda a, b: int(answers[operand.index(a), operand.index(b)]),
        operand,
        operand,
        answers=(answers := upper + upper.triu(1).T).unique().tolist(),
    )
    mask = torch.rand(m, m, generator=generator(seed + 1)) < 0.4
    assert torch.equal(op.mirrored(mask), mask.T)
    assert torch.equal(op.mirrored(op.mirrored(mask)), mask)


# Operations as functions.


@given(either)
def test_the_operation_of_a_function_has_its_table(op):
    answer_of = dict(zip(map(tuple, op.inputs.tolist()), op.elements[op.table.flatten()].tolist(), strict=True))
    options = {} if op.operands else {"inputs": op.inputs}
    again = pm.operation(lambda *row: answer_of[row], *(x.tolist() for x in op.operands), answers=op, **options)
    for name in ("elements", "table", "inputs", "basis", "row_frequency"):
        assert torch.equal(getattr(again, name), getattr(op, name))
    assert len(again.operands) == len(op.operands)
    assert all(map(torch.equal, again.operands, op.operands))
