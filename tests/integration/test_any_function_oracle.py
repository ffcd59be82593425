"""Every measure of every kind of operation against the definitions written out, :mod:`tests._any_oracle`.

The twelve tasks of Power et al. (2022), "Grokking: Generalization beyond overfitting on small algorithmic datasets"
(arXiv 2201.02177), and operations of other shapes: rectangular, of some inputs only, of one, three or eight operands.
"""

import itertools
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import progress_measures as pm
from tests import _any_oracle as oracle
from tests._asserts import assert_close

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here

P = 13
TERMS = ["sum", "product", "polynomial", "aligned"]


def hinges(logits, answers):
    """The oracle's, in PyTorch."""
    wrong = 1 - torch.nn.functional.one_hot(answers, logits.shape[1])
    return (wrong * (1 + logits - logits.gather(1, answers[:, None])).relu()).sum(1)


LOSSES = {"cross_entropy": "cross_entropy", "mse": "mse", "hinge": hinges}


# The operations: each in the library's words, and as a function of tokens for the oracle.


def of_numbers(function, *axes, p=P):
    """Answers in Z/p; two operands in 0..p-1 if no others are given."""
    axes = axes or (range(p), range(p))
    op = pm.operation(function, *axes, answers=p)
    return op, oracle.task(function, axes, elements=range(p), basis=oracle.fourier(p))


def known(op, function, *, tokens=None):
    """An operation of the library on the numbers 0..n-1, or their tokens."""
    tokens = [*(range(op.n) if tokens is None else tokens)]
    named = {token: number for number, token in enumerate(tokens)}
    return op, oracle.task(
        lambda a, b: tokens[function(named[a], named[b]) % op.n],
        (tokens, tokens),
        elements=tokens,
        basis=oracle.fourier(op.n),
    )


def quotient(a, b, p=P):
    return a * pow(b, -1, p) % p


def power_of_least_root(p):
    """The powers of the least primitive root."""
    return next(powers for g in range(p) if len(set(powers := [pow(g, e, p) for e in range(p - 1)])) == p - 1)


def of_products(op, function, *, p=P, zero=True, of_token=None):
    """Multiplication or division: elements in the order of powers, and zero at their end."""
    powers, of_token = power_of_least_root(p), of_token or {number: number for number in range(p)}
    numbers = [*powers, 0] if zero else powers
    number_of = {token: number for number, token in of_token.items()}
    axes = [[of_token[number] for number in numbers]] * 2
    if zero and function is quotient:
        axes[1] = axes[1][:-1]
    return op, oracle.task(
        lambda a, b: of_token[function(number_of[a], number_of[b], p)],
        axes,
        elements=[of_token[number] for number in numbers],
        basis=oracle.fourier_and_zero(p) if zero else oracle.fourier(p - 1),
    )


def product(a, b, p=P):
    return a * b % p


def of_answers_of_another(function, axes, other, basis):
    """A function whose answers are those of another operation."""
    op = pm.operation(function, *axes, answers=other)
    return op, oracle.task(function, axes, elements=other.elements.tolist(), basis=basis)


def of_permutations(m, word, *, inputs=None):
    """A word in x and y, letters of "xyX" where X is the inverse of x, of permutations of m things."""
    group = pm.groups.symmetric_group(m)
    permutations = [*itertools.permutations(range(m))]
    place = {permutation: index for index, permutation in enumerate(permutations)}

    def function(x, y):
        inverse = tuple(permutations[x].index(i) for i in range(m))
        letters = {"x": permutations[x], "y": permutations[y], "X": inverse}
        things = tuple(range(m))
        for letter in reversed(word):
            things = tuple(letters[letter][i] for i in things)
        return place[things]

    axes, basis = (range(group.n), range(group.n)), (group.basis.numpy(), group.row_frequency.numpy())
    if inputs is not None:
        op = pm.operation(function, inputs=inputs, answers=group)
        return op, oracle.task(function, rows=inputs, elements=range(group.n), basis=basis)
    op = group if word == "xy" else pm.operation(function, *axes, answers=group)
    return op, oracle.task(function, axes, elements=range(group.n), basis=basis)


def of_some_inputs(function, rows, p=P):
    op = pm.operation(function, inputs=rows, answers=p)
    return op, oracle.task(function, rows=rows, elements=range(p), basis=oracle.fourier(p))


def ordered_pairs(p):
    """a ≤ b: the half of a symmetric table."""
    return [(a, b) for a in range(p) for b in range(a, p)]


def a_sample(function, p, count, seed=0):
    """A random sample in random order, in which each answer occurs."""
    rows = np.random.default_rng(seed).permutation(p * p)
    rows = [(int(row) // p, int(row) % p) for row in rows]
    first = {function(*row): row for row in rows}
    others = [row for row in rows if row not in first.values()]
    chosen = [*first.values(), *others[: count - len(first)]]
    return [chosen[i] for i in np.random.default_rng(seed + 1).permutation(len(chosen))]


def of_bits(bits, of, tokens=(0, 1)):
    op = pm.parity(bits, of=of, tokens=None if tokens == (0, 1) else list(tokens))

    def function(*row):
        return sum(tokens.index(row[place]) for place in of) % 2

    return op, oracle.task(function, [tokens] * bits, elements=(0, 1), basis=oracle.fourier(2))


def conditional(x, y, p=P):
    return quotient(x, y, p) if y % 2 == 1 else (x - y) % p


def cubic(x, y, p=P):
    return (x**3 + x * y**2 + y) % p


SPACED = [5 * i % 17 + 20 for i in range(P)]

POWER = {
    "x + y": lambda: of_numbers(lambda x, y: (x + y) % P),
    "x − y": lambda: of_numbers(lambda x, y: (x - y) % P),
    "x / y": lambda: of_products(pm.division(P, zero=True), quotient),
    "x / y as numbers": lambda: of_numbers(quotient, range(P), range(1, P)),
    "y odd: x / y, else x − y": lambda: of_numbers(conditional, range(P), range(1, P)),
    "x² + y²": lambda: of_numbers(lambda x, y: (x**2 + y**2) % P),
    "x² + xy + y²": lambda: of_numbers(lambda x, y: (x**2 + x * y + y**2) % P),
    "x² + xy + y² + x": lambda: of_numbers(lambda x, y: (x**2 + x * y + y**2 + x) % P),
    "x³ + xy": lambda: of_numbers(lambda x, y: (x**3 + x * y) % P),
    "x³ + xy² + y": lambda: of_numbers(cubic),
    "S4: xy": lambda: of_permutations(4, "xy"),
    "S4: xyx⁻¹": lambda: of_permutations(4, "xyX"),
    "S3: xyx": lambda: of_permutations(3, "xyx"),
}
OTHERS = {
    "addition of 12": lambda: known(pm.addition(12), lambda a, b: a + b),
    "addition of 13": lambda: known(pm.addition(13), lambda a, b: a + b),
    "addition of 2": lambda: known(pm.addition(2), lambda a, b: a + b),
    "addition of tokens": lambda: known(pm.addition(P, tokens=SPACED), lambda a, b: a + b, tokens=SPACED),
    "subtraction of tokens": lambda: known(pm.subtraction(P, tokens=SPACED), lambda a, b: a - b, tokens=SPACED),
    "multiplication": lambda: of_products(pm.multiplication(P), product, zero=False),
    "multiplication and zero": lambda: of_products(pm.multiplication(P, zero=True), product),
    "multiplication of tokens": lambda: of_products(
        pm.multiplication(P, zero=True, tokens=SPACED), product, of_token=dict(enumerate(SPACED))
    ),
    "division of tokens": lambda: of_products(
        pm.division(7, zero=True, tokens=SPACED[:7]), quotient, p=7, of_token=dict(enumerate(SPACED))
    ),
    "answers of another": lambda: of_answers_of_another(
        quotient, (range(P), range(1, P)), pm.division(P, zero=True), oracle.fourier_and_zero(P)
    ),
    "elements in another order": lambda: of_answers_of_another(
        cubic, (range(P), [*reversed(range(P))]), pm.multiplication(P, zero=True), oracle.fourier_and_zero(P)
    ),
    "a rectangle": lambda: of_numbers(lambda a, b: (a + 3 * b) % 5, [7, 3, 8], [2, 0, 1, 9], p=5),
    "a ≤ b": lambda: of_some_inputs(lambda a, b: (a + b) % P, ordered_pairs(P)),
    "a sample": lambda: of_some_inputs(cubic, a_sample(cubic, P, 40)),
    "a large sample": lambda: of_some_inputs(lambda a, b: (a + b) % P, a_sample(lambda a, b: (a + b) % P, P, 140)),
    "S3: a sample of xyx": lambda: of_permutations(
        3, "xyx", inputs=[(x, y) for x in range(6) for y in range(6) if x == 0 or (x + y) % 3 == 0]
    ),
    "one operand": lambda: of_numbers(lambda a: a * a % 7 % 3, range(20), p=3),
    "a + b + c": lambda: of_numbers(lambda a, b, c: (a + b + c) % 5, range(5), range(5), range(5), p=5),
    "three operands, unequal": lambda: of_numbers(lambda a, b, c: a * b * c % 4, range(4), range(3), range(2), p=4),
    "parity of 3 bits": lambda: of_bits(3, (0, 2)),
    "parity of 6 bits": lambda: of_bits(6, (1, 2, 5)),
    "parity of 8 bits": lambda: of_bits(8, (7, 0, 4)),
    "parity of tokens": lambda: of_bits(4, (3, 1), tokens=(9, 4)),
    "one answer": lambda: of_numbers(lambda a, b: 0, range(3), range(2), p=1),  # noqa: ARG005 (called by position)
}
LARGE = {
    "97: x³ + xy² + y": lambda: of_numbers(lambda x, y: cubic(x, y, 97), p=97),
    "97: x / y": lambda: of_products(pm.division(97, zero=True), quotient, p=97),
    "97: a ≤ b": lambda: of_some_inputs(lambda a, b: (a + b) % 97, ordered_pairs(97), p=97),
    "S5: xyx⁻¹": lambda: of_permutations(5, "xyX"),
}
SMALL = POWER | OTHERS
SOME_INPUTS = ["a ≤ b", "a sample", "a large sample", "S3: a sample of xyx"]
ALL_INPUTS = [name for name in SMALL if name not in SOME_INPUTS]
SEVERAL_FREQUENCIES = [
    name for name in SMALL if "parity" not in name and name not in ("addition of 2", "one operand", "one answer")
]
MADE = {}  # they take some time to make, and nothing changes them


def made(name):
    if name not in MADE:
        MADE[name] = (SMALL | LARGE)[name]()
    return MADE[name]


@pytest.fixture(params=SMALL)
def name(request):
    return request.param


# What is drawn for them.


def draw(name, *, scale=1.0, dtype=torch.float64):
    """Logits that know something of the answer and of each operand, and what they are measured with."""
    op, task = made(name)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = (
        2 * rng.normal(size=(op.n, op.n))[task.answers]
        + rng.normal(size=op.n)
        + rng.normal(size=(len(task.rows), op.n))
    )
    for tokens in np.array(task.rows).T:
        x += rng.normal(size=(1 + tokens.max(), op.n))[tokens]
    x = torch.from_numpy(scale * x).to(dtype)
    keys = [k for k in task.frequencies if rng.random() < 0.4] or [*task.frequencies][:1]
    train, test = rng.random(len(x)) < 0.5, rng.random(len(x)) < 0.3
    train[[0, -1]], test[-1] = (True, False), True
    noisy = np.where(rng.random(len(x)) < 0.2, rng.integers(op.n, size=len(x)), task.answers)
    return SimpleNamespace(
        op=op,
        task=task,
        keys=keys,
        logits=x.view(*op.table.shape, op.n),
        rows=x.double().numpy(),
        train=train,
        labels=np.where(train, noisy, -1),  # of other inputs, they are not read
        test=test,
        rng=rng,
    )


def as_table(values, op):
    """One value per input, in the shape of the table."""
    return torch.from_numpy(values).view(op.table.shape)


def usable_terms(op):
    return TERMS if op.on_pairs else ["sum", "aligned"]


def some_of_the_inputs(d, most=4):
    """A few tuples, the constant not among them."""
    every = d.task.frequencies_of_inputs()
    return [every[i] for i in d.rng.permutation(len(every))[:most]]


def assert_equal(found, expected, scale=1.0):
    """To 1e-8, of values and of the logits that they come from."""
    assert found.dtype == torch.float64
    assert_close(found, expected, rtol=1e-8, atol=1e-8 * scale)


def assert_measures(measures, expected):
    """A loss and a share may differ by rounding alone, however small they are."""
    assert vars(measures).keys() == expected.keys()
    for field, value in expected.items():
        assert_close(getattr(measures, field), value, rtol=1e-8, atol=1e-14)


# The operation itself.


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_the_operation_is_the_function(name):
    op, task = made(name)
    assert list(map(tuple, op.inputs.tolist())) == task.rows
    assert op.elements.tolist() == task.elements
    assert op.table.flatten().tolist() == task.answers.tolist()
    assert op.table.shape == ((len(task.rows),) if task.axes is None else tuple(map(len, task.axes)))
    assert op.frequencies == tuple(task.frequencies)
    assert_close(op.basis, task.basis, rtol=0, atol=1e-14)
    assert op.row_frequency.tolist() == task.of_row.tolist()
    for axis in range(len(task.axes or [])):
        for found, expected in zip(op.operand_basis(axis), task.operand_basis(axis), strict=True):
            assert_close(found, expected, rtol=0, atol=1e-14)


def test_two_names_of_one_column_are_a_mistake():
    op = pm.addition(5)
    with pytest.raises(ValueError, match="`columns`"):
        op.mask([[1, 2]], columns=[1, -1])


# Losses.


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("scale", "dtype"), [(300.0, torch.float64), (1e-2, torch.float32)])
def test_measure(name, loss, scale, dtype):
    d = draw(name, scale=scale, dtype=dtype)
    every = np.ones_like(d.train)
    for train, test, labels in [
        (d.train, None, None),
        (d.train, None, d.labels),
        (d.train, d.test, d.labels),  # which overlap
        (every, None, None),
        (every, d.test, np.where(d.train, d.labels, d.task.answers)),
        (d.train, ~every, d.labels),
    ]:
        found = pm.measure(
            d.logits,
            d.op,
            d.keys,
            train_mask=as_table(train, d.op),
            test_mask=None if test is None else as_table(test, d.op),
            labels=None if labels is None else as_table(labels, d.op),
            loss=LOSSES[loss],
        )
        assert_measures(found, oracle.measure(d.rows, d.task, d.keys, train, test, labels, loss))


def test_measure_takes_rows_and_arrays(name):
    d = draw(name)
    found = pm.measure(d.rows, d.op, d.keys, train_mask=d.train, test_mask=d.test, labels=d.labels)
    assert_measures(found, oracle.measure(d.rows, d.task, d.keys, d.train, d.test, d.labels))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ALL_INPUTS)
def test_measure_of_frequencies_of_the_inputs(name, loss):
    d = draw(name)
    keys = some_of_the_inputs(d)
    for logits, test, labels in [(d.logits, None, None), (d.logits.float(), d.test, d.labels)]:
        found = pm.measure(logits, d.op, keys, train_mask=d.train, test_mask=test, labels=labels, loss=LOSSES[loss])
        rows = logits.double().flatten(0, -2).numpy()
        assert_measures(found, oracle.measure(rows, d.task, keys, d.train, test, labels, loss))


@pytest.mark.parametrize("name", LARGE)
def test_measure_of_large_tables(name):
    d = draw(name, dtype=torch.float32)
    found = pm.measure(d.logits, d.op, d.keys, train_mask=d.train, test_mask=d.test, labels=d.labels)
    assert_measures(found, oracle.measure(d.rows, d.task, d.keys, d.train, d.test, d.labels))
    for terms in ("product", "aligned") if d.op.on_pairs else ("aligned",):
        kept = oracle.restrict(d.rows, d.task, d.keys, terms)
        assert_equal(pm.restrict(d.logits, d.op, d.keys, terms=terms).flatten(0, -2), kept)


def test_confident_logits_have_small_losses(name):
    d = draw(name)
    rows = d.rows + 45 * np.eye(d.op.n)[d.task.answers]
    found = pm.measure(rows, d.op, d.keys, train_mask=d.train, test_mask=d.test)
    expected = oracle.measure(rows, d.task, d.keys, d.train, d.test)
    for field in ("train_loss", "test_loss"):
        assert expected[field] < 1e-9
        assert_close(getattr(found, field), expected[field], rtol=1e-8)
    assert_measures(found, expected)


def improbabilities(logits, answers):
    """The cross-entropy as it should not be written: infinite where a probability is rounded to zero."""
    return -logits.softmax(1).gather(1, answers[:, None])[:, 0].log()


def hopeless_elsewhere():
    """Logits of addition, the training inputs, and test inputs at which the loss above is infinite."""
    op = pm.addition(7)
    x = np.random.default_rng(0).normal(size=(7, 7, 7))
    x[6, 6, 0] += 3000  # without a change of the mean over the inputs of this answer
    x[5, 0, 0] -= 3000
    return op, torch.from_numpy(x), op.table < 3


def test_a_loss_that_is_infinite_elsewhere_is_none_of_the_mask():
    op, x, mask = hopeless_elsewhere()
    assert improbabilities(x[6, 6][None], op.table[6, 6][None]).isinf()
    found = pm.measure(x, op, [1, 2], train_mask=mask, test_mask=mask, loss=improbabilities)
    expected = pm.measure(x, op, [1, 2], train_mask=mask, test_mask=mask)
    for field in ("train_loss", "restricted_loss_train", "excluded_loss"):
        assert_close(getattr(found, field), getattr(expected, field))
    for function in (pm.restricted_loss, pm.excluded_loss):
        found = function(x, op, [1, 2], mask=mask, loss=improbabilities)
        assert_close(found, function(x, op, [1, 2], mask=mask))


@pytest.mark.parametrize("through", ["excluded_loss_per_frequency", "measure", "control"])
def test_a_loss_that_is_infinite_elsewhere_is_none_of_the_mask_without_a_frequency(through):
    op, x, mask = hopeless_elsewhere()

    def asked(**loss):
        if through == "measure":
            return pm.measure(x, op, [1], train_mask=mask, **loss).excluded_loss_per_frequency
        if through == "control":
            return pm.random_frequency_control(x, op, [1], train_mask=mask, draws=1, **loss).excluded_loss.real
        return pm.excluded_loss_per_frequency(x, op, mask=mask, **loss)

    assert_close(asked(loss=improbabilities), asked())


@pytest.mark.parametrize("through", ["control", "gradient"])
def test_a_loss_that_is_infinite_at_other_answers_is_none_of_the_mask(through):
    op, x, mask = hopeless_elsewhere()
    x[op.table == 5] += 3000 * torch.eye(7, dtype=x.dtype)[0]

    def asked(**loss):
        if through == "control":
            controls = pm.random_frequency_control(x, op, [1, 2], train_mask=mask, draws=1, **loss)
            return controls.restricted_loss_train.real
        logits = x.clone().requires_grad_()
        pm.restricted_loss(logits, op, [1, 2], mask=mask, **loss).backward()
        return logits.grad

    assert_close(asked(loss=improbabilities), asked(), atol=1e-12)


def test_the_logits_as_they_are(name):
    for scale in (1e-2, 1.0, 300.0):
        d = draw(name, scale=scale)
        for mask in (d.train, np.ones_like(d.train)):
            chosen = as_table(mask, d.op)
            assert_equal(pm.cross_entropy(d.logits, d.op, mask=chosen), oracle.mean_loss(d.rows, d.task.answers, mask))
            assert pm.accuracy(d.logits, d.op, mask=chosen) == oracle.accuracy(d.rows, d.task.answers, mask)


def test_among_equal_logits_the_first_counts(name):
    d = draw(name)
    rows = d.rng.integers(2, size=d.rows.shape).astype(float)
    labels = np.where(d.labels < 0, d.task.answers, d.labels)
    ties = (rows == rows.max(1, keepdims=True)).sum(1) > 1
    assert ties.any() or d.op.n == 1
    for dtype in (torch.float32, torch.float64):
        logits = torch.from_numpy(rows).to(dtype)
        assert pm.accuracy(logits, d.op, mask=d.train) == oracle.accuracy(rows, d.task.answers, d.train)
        for loss in LOSSES.values():
            found = pm.measure(logits, d.op, [], train_mask=d.train, test_mask=d.test, labels=labels, loss=loss)
            assert found.train_accuracy == oracle.accuracy(rows, labels, d.train)
            assert found.excluded_accuracy == oracle.accuracy(rows, labels, d.train)
            assert found.test_accuracy == oracle.accuracy(rows, d.task.answers, d.test)
            same = pm.measure(torch.zeros_like(logits), d.op, d.keys, train_mask=d.train, labels=labels, loss=loss)
            assert same.restricted_accuracy == (d.task.answers == 0).mean()
            assert same.excluded_accuracy == (labels[d.train] == 0).mean()


# Filters, and the losses of what is left.


@pytest.mark.parametrize(("scale", "dtype"), [(1.0, torch.float64), (300.0, torch.float32)])
def test_filters(name, scale, dtype):
    d = draw(name, scale=scale, dtype=dtype)
    for terms, keys in itertools.product(usable_terms(d.op), (d.keys, [*d.task.frequencies], [])):
        for function, definition in [(pm.restrict, oracle.restrict), (pm.exclude, oracle.exclude)]:
            found = function(d.logits, d.op, keys, terms=terms)
            assert found.shape == d.logits.shape
            assert_equal(found.flatten(0, -2), definition(d.rows, d.task, keys, terms), scale)


@pytest.mark.parametrize(("scale", "dtype"), [(1.0, torch.float64), (300.0, torch.float32)])
def test_losses_of_what_filters_leave(name, scale, dtype):
    d = draw(name, scale=scale, dtype=dtype)
    for terms in usable_terms(d.op):
        kept, rest = oracle.restrict(d.rows, d.task, d.keys, terms), oracle.exclude(d.rows, d.task, d.keys, terms)
        for loss, mask in itertools.product(LOSSES, (d.train, np.ones_like(d.train))):
            options = {"mask": as_table(mask, d.op), "terms": terms, "loss": LOSSES[loss]}
            for function, x in [(pm.restricted_loss, kept), (pm.excluded_loss, rest)]:
                assert_equal(
                    function(d.logits, d.op, d.keys, **options), oracle.mean_loss(x, d.task.answers, mask, loss)
                )


def test_without_one_frequency_at_a_time(name):
    d = draw(name)
    for terms, loss in itertools.product(usable_terms(d.op), LOSSES):
        found = pm.excluded_loss_per_frequency(d.logits, d.op, mask=d.train, terms=terms, loss=LOSSES[loss])
        expected = oracle.excluded_loss_per_frequency(d.rows, d.task, d.task.answers, d.train, loss, terms)
        assert_equal(found, expected)


@pytest.mark.parametrize("name", ALL_INPUTS)
def test_filters_of_frequencies_of_the_inputs(name):
    d = draw(name)
    for keys in ([k] for k in some_of_the_inputs(d, 3)):
        keys += [k for k in some_of_the_inputs(d) if k not in keys]
        kept, rest = oracle.restrict(d.rows, d.task, keys), oracle.exclude(d.rows, d.task, keys)
        assert_equal(pm.restrict(d.logits, d.op, keys).flatten(0, -2), kept)
        assert_equal(pm.exclude(d.logits, d.op, keys).flatten(0, -2), rest)
        for loss in LOSSES:
            options = {"mask": d.train, "loss": LOSSES[loss]}
            for function, x in [(pm.restricted_loss, kept), (pm.excluded_loss, rest)]:
                expected = oracle.mean_loss(x, d.task.answers, d.train, loss)
                assert_equal(function(d.logits, d.op, keys, **options), expected)


def test_filters_of_activations(name):
    d = draw(name)
    x = d.rng.normal(size=(len(d.rows), 2, 3)) + d.rng.normal(size=(d.op.n, 2, 3))[d.task.answers]
    activation, flat = torch.from_numpy(x), x.reshape(len(x), -1)
    choices = [(d.keys, terms) for terms in usable_terms(d.op) if terms != "aligned"]
    if d.task.axes is not None:
        choices.append((some_of_the_inputs(d), "sum"))
    for keys, terms in choices:
        kept, rest = oracle.restrict(flat, d.task, keys, terms), oracle.exclude(flat, d.task, keys, terms)
        assert_equal(pm.project_onto_frequencies(d.op, keys, terms=terms)(activation), kept.reshape(x.shape))
        assert_equal(pm.project_out_frequencies(d.op, keys, terms=terms)(activation), rest.reshape(x.shape))


# Spectra and controls.


def test_spectra_of_logits(name):
    for scale, dtype in [(1.0, torch.float64), (300.0, torch.float32), (1e-2, torch.float32)]:
        d = draw(name, scale=scale, dtype=dtype)
        assert_equal(pm.logit_spectrum(d.logits, d.op), oracle.logit_spectrum(d.rows, d.task))
        assert_equal(pm.cosine_coefficients(d.logits, d.op), oracle.cosine_coefficients(d.rows, d.task), scale)


@pytest.mark.parametrize("name", ALL_INPUTS)
def test_spectra_of_functions_of_the_inputs(name):
    d = draw(name)
    assert_equal(pm.input_spectrum(d.logits, d.op), oracle.input_spectrum(d.rows, d.task))
    assert_equal(pm.input_spectrum(d.rows[:, 0] + 100, d.op), oracle.input_spectrum(d.rows[:, :1], d.task))
    if d.op.n > 1:
        answers = d.task.answers[:, None].astype(float)
        assert_equal(pm.input_spectrum(d.op.table.double(), d.op), oracle.input_spectrum(answers, d.task))


def test_spectra_of_neurons(name):
    d = draw(name)
    if d.op.on_pairs:
        assert_equal(pm.neuron_spectrum(d.logits, d.op), oracle.neuron_spectrum(d.rows, d.task))
    else:
        with pytest.raises(ValueError, match="must take all pairs of two operands"):
            pm.neuron_spectrum(d.rows, d.op)


@pytest.mark.parametrize("name", SOME_INPUTS)
def test_parts_of_the_inputs_need_all_inputs(name):
    d = draw(name)
    for mistake in (lambda: pm.input_spectrum(d.rows, d.op), lambda: pm.restrict(d.rows, d.op, [(1, 1)])):
        with pytest.raises(ValueError, match="must have all combinations of its operands"):
            mistake()


@pytest.mark.parametrize("control", [pm.random_frequency_control, pm.shuffled_label_control])
@pytest.mark.parametrize("name", SEVERAL_FREQUENCIES)
def test_what_controls_compare_with_chance_are_the_losses_of_measure(name, control):
    d = draw(name)
    keys = d.keys if len(d.keys) < len(d.op.frequencies) else d.keys[1:]
    splits = [(None, None), (d.test, d.labels), (np.zeros_like(d.test), d.labels)]
    for loss, (test, labels) in itertools.product(LOSSES, splits):
        options = {"train_mask": d.train, "test_mask": test, "labels": labels, "loss": LOSSES[loss]}
        found = control(d.logits, d.op, keys, draws=2, **options)
        expected = oracle.measure(d.rows, d.task, keys, d.train, test, labels, loss)
        for field, values in vars(found).items():
            assert_close(values.real, expected[field], rtol=1e-8)


# A model, a run, and logits in many blocks.


class LookUp(torch.nn.Module):
    """Gives the logits of the row of tokens it is asked for, each in the column of its answer's token."""

    def __init__(self, d):
        super().__init__()
        width = max(d.task.elements) + 2
        self.register_buffer("tokens", torch.tensor(d.task.rows))
        self.logits = torch.nn.Parameter(torch.full((len(d.rows), width), 1e3, dtype=torch.float64))
        self.logits.data[:, d.task.elements] = torch.from_numpy(d.rows)

    def forward(self, tokens):
        return self.logits[(tokens[:, None] == self.tokens).all(-1).int().argmax(1)]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", [name for name in SMALL if name != "one answer"])
def test_what_is_recorded(name, loss):
    d = draw(name)
    split = {"train_mask": d.train, "test_mask": d.test, "labels": d.labels, "loss": LOSSES[loss]}
    measures = pm.grokking_measures(None, d.op, d.keys, batch_size=50, **split)
    recorder = pm.Recorder(pm.grokking_measures(None, d.op, "final", **split))
    model, expected = LookUp(d), oracle.measure(d.rows, d.task, d.keys, d.train, d.test, d.labels, loss)
    recorder(0, model)
    found = measures(model)
    assert_measures(SimpleNamespace(**{field: found[field] for field in expected}), expected)
    power = sum(w @ w for w in (d.task.basis @ oracle.means(d.rows, d.task))[d.task.of_row == 1])
    assert_close(pm.spectrum(oracle.means(d.rows, d.task), d.op)[0], power)
    assert_close(recorder.trajectory["answer_means"][0], oracle.means(d.rows, d.task), rtol=0, atol=1e-12)
    added = pm.add_restricted_loss(recorder.trajectory, d.op, d.keys, **split)
    for field in expected.keys() & added.columns.keys():
        assert_close(added[field][0], expected[field], rtol=1e-8, atol=1e-14)
    assert "restricted_loss_test" in added.columns


@pytest.mark.parametrize("requires_grad", [False, True])
def test_block_by_block(name, requires_grad, monkeypatch):
    d = draw(name)
    monkeypatch.setattr("progress_measures._blocks.BLOCK", 8 * d.op.n)
    for loss, labels in itertools.product(("cross_entropy", "hinge"), (None, d.labels)):
        options = {"train_mask": d.train, "test_mask": d.test, "labels": labels, "loss": LOSSES[loss]}
        found = pm.measure(d.logits.requires_grad_(requires_grad), d.op, d.keys, **options)
        assert_measures(found, oracle.measure(d.rows, d.task, d.keys, d.train, d.test, labels, loss))
    assert_equal(pm.logit_spectrum(d.logits, d.op), oracle.logit_spectrum(d.rows, d.task))
    assert_equal(pm.cosine_coefficients(d.logits, d.op), oracle.cosine_coefficients(d.rows, d.task))


# Gradients.


def directional(function, x, direction, step=1e-5):
    """The derivative along a direction by finite differences."""
    return (function(x + step * direction) - function(x - step * direction)) / (2 * step)


def assert_slope(of_library, of_oracle, d):
    """The library's gradient, along a random direction, is the slope of the oracle's loss."""
    x = torch.from_numpy(d.rows).requires_grad_()
    (gradient,) = torch.autograd.grad(of_library(x), x)
    direction = d.rng.normal(size=d.rows.shape)
    slope = directional(of_oracle, d.rows, direction)
    assert_close((gradient.numpy() * direction).sum(), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_gradients_of_measure(name, loss):
    d = draw(name)
    mixed = dict(zip(oracle.measure(d.rows, d.task, d.keys, d.train), itertools.count(1), strict=False))

    def total(measures):
        """One number of all losses, each with another weight."""
        return sum(mixed[field] * values.sum() for field, values in measures.items() if "accuracy" not in field)

    for test, labels in [(None, None), (d.test, d.labels)]:
        options = {"train_mask": d.train, "test_mask": test, "labels": labels, "loss": LOSSES[loss]}
        assert_slope(
            lambda x, options=options: total(vars(pm.measure(x, d.op, d.keys, **options))),
            lambda x, split=(d.train, test, labels): total(oracle.measure(x, d.task, d.keys, *split, loss)),
            d,
        )


def test_gradients_of_losses_by_terms(name):
    d = draw(name)
    choices = [(d.keys, terms) for terms in usable_terms(d.op)]
    if d.task.axes is not None:
        choices.append((some_of_the_inputs(d), "sum"))
    for keys, terms in choices:
        options = {"mask": d.train, "terms": terms}
        for function, filtered in [(pm.restricted_loss, oracle.restrict), (pm.excluded_loss, oracle.exclude)]:
            assert_slope(
                lambda x, f=function, keys=keys, options=options: f(x, d.op, keys, **options),
                lambda x, f=filtered, keys=keys, terms=terms: oracle.mean_loss(
                    f(x, d.task, keys, terms), d.task.answers, d.train
                ),
                d,
            )


def test_gradients_of_spectra(name):
    d = draw(name)
    pairs = [(pm.cosine_coefficients, oracle.cosine_coefficients), (pm.logit_spectrum, oracle.logit_spectrum)]
    if d.op.n > 1:
        for function, expected in pairs:
            assert_slope(lambda x, f=function: f(x, d.op)[0], lambda x, f=expected: f(x, d.task)[0], d)
    if d.task.axes is not None:
        k = some_of_the_inputs(d)[0]
        assert_slope(lambda x: pm.input_spectrum(x, d.op)[k], lambda x: oracle.input_spectrum(x, d.task)[k], d)
