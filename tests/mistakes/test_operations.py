"""Operations of any function, and what belongs to their inputs: the whole message that answers each mistake."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import progress_measures as pm
from tests._unchanged import assert_met_with

OP = pm.addition(5)
LOGITS = torch.zeros(5, 5, 5)
SOME = pm.operation(lambda a, b: (a + b) % 5, inputs=[(a, b) for a in range(5) for b in range(a, 5)], answers=5)
OFFSET = pm.addition(5, tokens=[1, 2, 3, 4, 5])
RECT = pm.operation(lambda a, b: a * b % 5, 5, range(1, 5), answers=5)


class Mappings(Dataset):
    """A dataset of another library's rows."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return {"input_ids": torch.tensor([1, 2])}


class Stream(IterableDataset):
    """A dataset without a length."""

    def __iter__(self):
        yield torch.tensor([1, 2])


MISTAKES = [
    (
        "function without an answer",
        lambda: pm.operation(lambda *_: None, 5, 5),
        TypeError,
        "`function` must return an integer. Got None (NoneType) for (0, 0).",
    ),
    (
        "function that divides",
        lambda: pm.operation(lambda a, _: a / 2, 5, 5),
        TypeError,
        "`function` must return an integer. Got 0.0 (float) for (0, 0). Division modulo a prime p is x * "
        "pow(y, -1, p) % p.",
    ),
    (
        "answer that is none",
        lambda: pm.operation(lambda a, b: a + b, 5, 5),
        ValueError,
        "`function` must return one of the 5 answers, 0..4. Got 5 for (1, 4). Take the remainder, or pass the"
        " `answers`.",
    ),
    (
        "function that raises",
        lambda: pm.operation(lambda a, b: a * pow(b, -1, 5) % 5, 5, 5),
        ValueError,
        "`function` must return an answer for each input. It raised ValueError for (0, 0): base is not "
        "invertible for the given modulus. Leave such inputs out.",
    ),
    (
        "answer that never occurs in a function",
        lambda: pm.operation(lambda a, _: a * a % 5, 5, 5),
        ValueError,
        "`answers` must all occur. Got none of 2, 3. Pass only the 3 that do, answers=[0, 1, 4], with the "
        "frequencies of their places; or add inputs.",
    ),
    (
        "inputs beyond memory",
        lambda: pm.operation(lambda *b: sum(b) % 2, *[2] * 40, answers=2),
        ValueError,
        "`operands` must have at most 2**24 = 16777216 combinations. Got 1099511627776. Pass a sample of "
        "them: inputs=…, shape (N, k).",
    ),
    (
        "answers of a rectangle",
        lambda: pm.operation(lambda a, _: a, 5, range(1, 5)),
        TypeError,
        "`answers` must be given unless all operands are the same number: how many answers there are, or an "
        "operation with them. Got None.",
    ),
    ("function that is a number", lambda: pm.operation(5, 5), TypeError, "`function` must be callable. Got int."),
    (
        "function of nothing",
        lambda: pm.operation(lambda: 0),
        TypeError,
        "`operands` must be given, or `inputs`. Got neither.",
    ),
    (
        "operands and inputs",
        lambda: pm.operation(lambda a: a, 5, inputs=[[1]], answers=5),
        TypeError,
        "`inputs` must be left out where operands are given. Got both.",
    ),
    (
        "input twice",
        lambda: pm.operation(lambda a, b: (a + b) % 5, inputs=[[1, 2], [1, 2]], answers=5),
        ValueError,
        "`inputs` must be distinct. Got (1, 2) 2 times.",
    ),
    (
        "token of an operand twice",
        lambda: pm.operation(lambda a, b: (a + b) % 5, [1, 1], 5, answers=5),
        ValueError,
        "`operands[0]` must be a number of tokens or distinct tokens. Got [1, 1]. Pass operands one by one, "
        "as in operation(function, 7, 7).",
    ),
    (
        "inputs in one row",
        lambda: pm.operation(lambda a: a, inputs=[1, 2], answers=5),
        ValueError,
        "`inputs` must have shape (N, k), one row of tokens per input. Got (2,).",
    ),
    (
        "a million answers",
        lambda: pm.operation(lambda a, _: a, 5, 5, answers=10**6),
        ValueError,
        "`answers` must be at most 4096. Got 1000000. The basis has the square of as many entries.",
    ),
    (
        "too many bits",
        lambda: pm.parity(17, of=[0]),
        ValueError,
        "`bits` must be at most 16. Got 17. All 2**bits inputs are kept in memory.",
    ),
    ("parity of no bit", lambda: pm.parity(4, of=[]), ValueError, "`of` must be places in 0..3, at least one. Got ()."),
    (
        "parity of a bit that is none",
        lambda: pm.parity(4, of=[4]),
        ValueError,
        "`of` must be places in 0..3, at least one. Got (4,).",
    ),
    (
        "too few tokens",
        lambda: pm.addition(5, tokens=[1, 2, 3]),
        ValueError,
        "`tokens` must have one token per element (5). Got 3.",
    ),
    (
        "tokens of too few numbers",
        lambda: pm.multiplication(5, tokens=[1, 2, 3]),
        ValueError,
        "`tokens` must have one token per element (5). Got 3.",
    ),
    (
        "token of two numbers",
        lambda: pm.addition(5, tokens=[1, 1, 2, 3, 4]),
        ValueError,
        "`tokens` must be distinct tokens, none negative. Got [1, 1, 2, 3, 4].",
    ),
    (
        "mask of the wrong axes",
        lambda: pm.cross_entropy(torch.zeros(2, 2, 2, 2), pm.parity(3, of=[0]), mask=torch.ones(2, 2, 1).bool()),
        ValueError,
        "`mask` must have one entry per input: shape (2, 2, 2). Got (2, 2, 1).",
    ),
    (
        "rows outside",
        lambda: OP.mask([[1, 7], [9, 9]]),
        ValueError,
        "`rows` must hold inputs of the operation. Got (1, 7) in row 0, which is none. "
        "The same holds for other rows, 1 in number.",
    ),
    (
        "rows with the answer",
        lambda: OP.mask([[1, 2, 3]]),
        ValueError,
        "`rows` must have one column per operand (2). Got (1, 3). Pass `columns`, the places of the operands'"
        " tokens in a row.",
    ),
    (
        "rows of one token",
        lambda: OP.mask([[1], [2]]),
        ValueError,
        "`rows` must have one column per operand (2). Got (2, 1). Pass their transpose, rows.T.",
    ),
    (
        "one column of two",
        lambda: OP.mask([[1, 2, 3]], columns=[0]),
        ValueError,
        "`columns` must name one column per operand (2). Got 1.",
    ),
    (
        "column that is none",
        lambda: OP.mask([[1, 2, 3]], columns=[0, 5]),
        ValueError,
        "`columns` must be columns of the rows (3). Got 5.",
    ),
    (
        "rows of two lengths",
        lambda: OP.mask([[1, 2], [3]]),
        ValueError,
        "`rows` must all have the same number of tokens.",
    ),
    (
        "mask for rows",
        lambda: OP.mask(torch.ones(5, 5).bool()),
        TypeError,
        "`rows` must be tokens. Got booleans of shape (5, 5), which are a mask already.",
    ),
    (
        "rows of halves",
        lambda: OP.mask([[1.5, 2]]),
        TypeError,
        "`rows` must be whole numbers, the tokens of each row. Got torch.float64 with other values.",
    ),
    (
        "rows with three axes",
        lambda: OP.mask(torch.zeros(2, 2, 2).long()),
        ValueError,
        "`rows` must have shape (rows, 2). Got (2, 2, 2).",
    ),
    (
        "rows of mappings",
        lambda: OP.mask(Mappings()),
        TypeError,
        "`rows` must hold rows of tokens. Got mappings. Pass [item['input_ids'] for item in rows].",
    ),
    (
        "rows of a stream",
        lambda: OP.mask(Stream()),
        TypeError,
        "`rows` must be a tensor, an array, lists, or a dataset. Got Stream. Pass the tensor of its tokens.",
    ),
    (
        "rows of a loader",
        lambda: OP.mask(DataLoader(TensorDataset(torch.zeros(2, 2).long()))),
        TypeError,
        "`rows` must be a tensor, an array, lists, or a dataset. Got DataLoader. Pass its dataset.",
    ),
    (
        "rows of text",
        lambda: OP.mask("ab"),
        TypeError,
        "`rows` must be a tensor, an array, lists, or a dataset. Got str. Pass the tensor of its tokens.",
    ),
    ("label of no frequency", lambda: OP.label(9), ValueError, "`frequencies` must lie in 1..2 for n=5. Got 9."),
    (
        "label of half a tuple",
        lambda: OP.label((1,)),
        ValueError,
        "`frequencies` must have one integer per operand (2). Got (1,).",
    ),
    (
        "label beyond an operand",
        lambda: OP.label((1, 9)),
        ValueError,
        "`frequencies` must lie in 0..2 for operand 1, 0 for the constant. Got 9 in (1, 9).",
    ),
    (
        "label of some inputs",
        lambda: SOME.label((1, 1)),
        ValueError,
        "`frequencies` must have one integer per operand (0). Got (1, 1). Parts of the inputs need all "
        "inputs, and this operation has some only.",
    ),
    (
        "tuples and numbers",
        lambda: pm.restrict(LOGITS, OP, [(1, 2), 1]),
        TypeError,
        "`frequencies` must be integers, parts of the functions of the answer, or tuples, parts of the "
        "functions of the inputs. Got both: [(1, 2), 1]. Such parts overlap.",
    ),
    (
        "tuple twice",
        lambda: pm.restrict(LOGITS, OP, [(1, 2), (1, 2)]),
        ValueError,
        "`frequencies` must be distinct. Got (1, 2) twice.",
    ),
    (
        "tuple of the constant",
        lambda: pm.restrict(LOGITS, OP, [(0, 0)]),
        ValueError,
        "`frequencies` must not hold the constant, (0, 0), which is always kept.",
    ),
    (
        "tuples and terms",
        lambda: pm.restrict(LOGITS, OP, [(1, 2)], terms="product"),
        ValueError,
        "`terms` must be left out where `frequencies` are tuples, which say what is meant. Got 'product'.",
    ),
    (
        "parts of some inputs",
        lambda: pm.restrict(torch.zeros(15, 5), SOME, [(1, 2)]),
        ValueError,
        "`op` must have all combinations of its operands: frequencies of the inputs are products of functions"
        " of each. Got Operation(operation, n=5, frequencies=2, inputs=15), which has some inputs only. "
        "Frequencies of the answer do not need all: pass integers, or use `spectra.answer_spectrum`.",
    ),
    (
        "tuple of a letter",
        lambda: pm.restrict(LOGITS, OP, [(1, "a")]),
        TypeError,
        "`frequencies` must be integers, or tuples of them. Got 'a' (str).",
    ),
    (
        "products on a rectangle",
        lambda: pm.restrict(torch.zeros(5, 4, 5), RECT, [1], terms="product"),
        ValueError,
        "`op` must take all pairs of two operands with the answers' frequencies: terms='product' are products"
        " of functions of a and of b. Got Operation(operation, n=5, frequencies=2, inputs=20). Pass "
        'terms="sum", or leave `terms` out and pass frequencies of the inputs: tuples with one integer per operand.',
    ),
    (
        "polynomials on a rectangle",
        lambda: pm.project_onto_frequencies(RECT, [1]),
        ValueError,
        "`op` must take all pairs of two operands with the answers' frequencies: terms='polynomial' are "
        "products of functions of a and of b. Got Operation(operation, n=5, frequencies=2, inputs=20). Pass "
        'terms="sum", or leave `terms` out and pass frequencies of the inputs: tuples with one integer per operand.',
    ),
    (
        "spectrum of some inputs",
        lambda: pm.input_spectrum(torch.zeros(15), SOME),
        ValueError,
        "`op` must have all combinations of its operands: frequencies of the inputs are products of functions"
        " of each. Got Operation(operation, n=5, frequencies=2, inputs=15), which has some inputs only. "
        "Frequencies of the answer do not need all: pass integers, or use `spectra.answer_spectrum`.",
    ),
    (
        "values of another shape",
        lambda: pm.input_spectrum(torch.zeros(4, 5), OP),
        ValueError,
        "`values` must have one entry per input of the operation, shape (5, 5) or (25,), and perhaps one axis"
        " more. Got (4, 5).",
    ),
    (
        "neurons on a rectangle",
        lambda: pm.neuron_spectrum(torch.zeros(5, 4, 3), RECT),
        ValueError,
        "`op` must take all pairs of two operands with the answers' frequencies: a neuron's polynomial has "
        "products of functions of a and of b. Got Operation(operation, n=5, frequencies=2, inputs=20). "
        "`input_spectrum` has the shares of one neuron: pass activations[..., i].",
    ),
    (
        "neurons on some inputs",
        lambda: pm.neuron_spectrum(torch.zeros(15, 3), SOME),
        ValueError,
        "`op` must take all pairs of two operands with the answers' frequencies: a neuron's polynomial has "
        "products of functions of a and of b. Got Operation(operation, n=5, frequencies=2, inputs=15). "
        "`spectra.answer_spectrum` has the shares of one neuron that its answer explains: pass activations[..., i].",
    ),
    (
        "products on some inputs",
        lambda: pm.restricted_loss(torch.zeros(15, 5), SOME, [1], terms="product"),
        ValueError,
        "`op` must take all pairs of two operands with the answers' frequencies: terms='product' are products"
        " of functions of a and of b. Got Operation(operation, n=5, frequencies=2, inputs=15). "
        'Pass terms="sum".',
    ),
    (
        "product of a rectangle",
        lambda: pm.groups.direct_product(RECT, OP),
        ValueError,
        "`first` must take all pairs of its elements, in their order. Got Operation(operation, n=5, "
        "frequencies=2, inputs=20).",
    ),
    (
        "loss of no name",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss="hinge"),
        ValueError,
        "`loss` must be one of 'cross_entropy', 'mse', or a function of logits and answers. Got 'hinge'.",
    ),
    (
        "loss that is a number",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss=3),
        TypeError,
        "`loss` must be one of 'cross_entropy', 'mse', or a function of logits and answers. Got 3.",
    ),
    (
        "loss that is a mean",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss=torch.nn.functional.cross_entropy),
        ValueError,
        "`loss` must return one number per row (25). Got (). Pass reduction='none'.",
    ),
    (
        "loss per output",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss=lambda a, _: (a - 1) ** 2),
        ValueError,
        "`loss` must return one number per row (25). Got (25, 5). Take the mean over the answers.",
    ),
    (
        "loss of nothing",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss=lambda *_: None),
        TypeError,
        "`loss` must return a tensor. Got NoneType.",
    ),
    (
        "loss of logits alone",
        lambda: pm.excluded_loss(LOGITS, OP, [1], loss=lambda a: a),
        TypeError,
        "`loss` must take logits and answers, as `lambda logits, answers: …` does. Got a function of (a).",
    ),
    (
        "labels that are none",
        lambda: pm.measure(LOGITS, OP, [1], train_mask=OP.table < 2, labels=OP.table + 4),
        ValueError,
        "`labels` must be indices 0..4 of `op.elements` where the network was trained. Got 4..5. Pass "
        "op.labels(rows, answers), from the tokens of inputs and labels in any order.",
    ),
    (
        "labels of another shape",
        lambda: pm.measure(LOGITS, OP, [1], train_mask=OP.table < 2, labels=torch.zeros(4, 4).long()),
        ValueError,
        "`labels` must have one index of an answer per pair: shape (5, 5). Got (4, 4).",
    ),
    (
        "labels that are floats",
        lambda: pm.measure(LOGITS, OP, [1], train_mask=OP.table < 2, labels=torch.zeros(5, 5)),
        TypeError,
        "`labels` must be integers. Got torch.float32.",
    ),
    (
        "test mask of another shape",
        lambda: pm.measure(LOGITS, OP, [1], train_mask=OP.table < 2, test_mask=torch.zeros(4, 5).bool()),
        ValueError,
        "`test_mask` must have one entry per pair: shape (5, 5). Got (4, 5).",
    ),
    (
        "one output for two answers",
        lambda: pm.grid_logits(lambda t: torch.zeros(len(t), 1), pm.parity(3, of=[0])),
        ValueError,
        "`predict` must return a logit for each of the 2 answers. Got 1. If x is one output, positive where "
        "the answer is 1, its logits are torch.cat([torch.zeros_like(x), x], -1). If it is positive where the"
        " answer is 0, as a product of signs is, swap the two.",
    ),
    (
        "one logit for two answers",
        lambda: pm.cross_entropy(torch.zeros(8, 1), pm.parity(3, of=[0])),
        ValueError,
        "`logits` must have one column per answer (2). Got shape (8, 1). If x is one output, positive where "
        "the answer is 1, its logits are torch.cat([torch.zeros_like(x), x], -1). If it is positive where the"
        " answer is 0, as a product of signs is, swap the two.",
    ),
    (
        "one logit on the grid",
        lambda: pm.cross_entropy(torch.zeros(2, 2, 2), pm.parity(3, of=[0])),
        ValueError,
        "`logits` must have one column per answer (2). Got shape (2, 2, 2). If x is one output, positive "
        "where the answer is 1, its logits are torch.stack([torch.zeros_like(x), x], -1). If it is positive "
        "where the answer is 0, as a product of signs is, swap the two.",
    ),
    (
        "logits of three operands",
        lambda: pm.cross_entropy(torch.zeros(4, 4, 4, 5), pm.operation(lambda a, b, c: (a + b + c) % 5, 5, 5, 5)),
        ValueError,
        "`logits` must have axes (x1, x2, x3, c): shape (5, 5, 5, m), or (125, m) in row-major order. Got (4,"
        " 4, 4, 5).",
    ),
    (
        "logits of more inputs than there are",
        lambda: pm.cross_entropy(torch.zeros(5, 5, 5), SOME),
        ValueError,
        "`logits` must have axes (input, c): shape (15, m). Got (5, 5, 5).",
    ),
    (
        "inputs without answers",
        lambda: pm.Operation("mine", OP.elements, OP.table.flatten(), OP.basis, OP.row_frequency, inputs=OP.inputs[:4]),
        ValueError,
        "`inputs` must have one row per entry of `table`, (25,): shape (N, k). Got (4, 2).",
    ),
    (
        "one operand of two",
        lambda: pm.Operation("mine", OP.elements, OP.table, OP.basis, OP.row_frequency, operands=(OP.elements,)),
        ValueError,
        "`table` must have one entry per combination of the operands: shape (5,) for n=5. Got (5, 5).",
    ),
    (
        "inputs in another order",
        lambda: pm.Operation(
            "mine",
            OP.elements,
            OP.table,
            OP.basis,
            OP.row_frequency,
            operands=(OP.elements,) * 2,
            inputs=OP.inputs.flip(0),
        ),
        ValueError,
        "`inputs` must be left out where `operands` are given, or be all their combinations.",
    ),
    (
        "label too few",
        lambda: pm.Operation("mine", OP.elements, OP.table, OP.basis, OP.row_frequency, frequency_labels=("a",)),
        ValueError,
        "`frequency_labels` must be strings, one per frequency (2). Got 1.",
    ),
    (
        "label for labels",
        lambda: pm.Operation("mine", OP.elements, OP.table, OP.basis, OP.row_frequency, frequency_labels="a"),
        TypeError,
        "`frequency_labels` must be strings, one per frequency (2). Got 'a'.",
    ),
    (
        "operand that is a number",
        lambda: pm.Operation("mine", OP.elements, OP.table, OP.basis, OP.row_frequency, operands=5),
        TypeError,
        "`operands` must be a tuple with the tokens of each operand. Got int.",
    ),
    (
        "negative token",
        lambda: pm.operation(lambda a, b: (a + b) % 5, inputs=[[-1, 2]], answers=5),
        ValueError,
        "`inputs` must be tokens, none negative. Got -1.",
    ),
    (
        "clock on a rectangle",
        lambda: pm.circuits.Clock(RECT, {1: 1.0}),
        ValueError,
        "`op` must take all pairs of its elements, in their order. Got Operation(operation, n=5, "
        "frequencies=2, inputs=20).",
    ),
    (
        "gradients on a rectangle",
        lambda: pm.circuits.gradient_symmetricity(lambda x: x, RECT, embedding=torch.nn.Linear(1, 1)),
        ValueError,
        "`op` must take all pairs of its elements, in their order. Got Operation(operation, n=5, "
        "frequencies=2, inputs=20).",
    ),
    (
        "one-hot rows",
        lambda: OP.mask(torch.nn.functional.one_hot(OP.inputs, 5).flatten(1)),
        ValueError,
        "`rows` must have one column per operand (2). Got 10, of which each 5 have a single 1. Pass the "
        "places of these: rows.view(-1, 2, 5).argmax(-1).",
    ),
    (
        "rows in columns",
        lambda: OP.mask(OP.inputs[:7].T),
        ValueError,
        "`rows` must have one column per operand (2). Got (2, 7). Pass their transpose, rows.T.",
    ),
    (
        "places for rows",
        lambda: OP.mask([3, 8, 20]),
        ValueError,
        "`rows` must have shape (rows, 2). Got (3,). Of places among `op.inputs`, mask.view(-1)[places] = "
        "True makes a mask.",
    ),
    (
        "rows of signs",
        lambda: pm.parity(3, of=[0]).mask([[1, -1, 1]]),
        ValueError,
        "`rows` must hold inputs of the operation. Got (1, -1, 1) in row 0, which is none. Bits of such signs"
        " are (1 - x) / 2, whose parity is 1 where the product of the signs is -1.",
    ),
    (
        "tokens that are signs",
        lambda: pm.parity(3, of=[0], tokens=(-1, 1)),
        ValueError,
        "`tokens` must be distinct tokens, none negative. Got [-1, 1]. Bits of signs are (1 - x) / 2.",
    ),
    (
        "inputs that are signs",
        lambda: pm.operation(lambda *_: 0, inputs=[[1, -1]], answers=1),
        ValueError,
        "`inputs` must be tokens, none negative. Got -1. Bits of signs are (1 - x) / 2.",
    ),
    (
        "tokens for labels",
        lambda: pm.measure(
            torch.zeros(5, 5, 5), OFFSET, [1], train_mask=OFFSET.table < 4, labels=OFFSET.elements[OFFSET.table]
        ),
        ValueError,
        "`labels` must be indices of `op.elements`. Got tokens: read as tokens, they agree with 100% of the training "
        "inputs' answers; read as indices, with 0%. Pass op.labels(rows, answers), from the tokens of inputs and "
        "labels in any order.",
    ),
    (
        "labels of nothing",
        lambda: OP.labels([[1, 2]]),
        TypeError,
        "`answers` must be the label of each row, unless `rows` are a dataset of tokens and labels.",
    ),
    (
        "labels of other rows",
        lambda: OP.labels([[1, 2]], [3, 4]),
        ValueError,
        "`answers` must have one label per row (1). Got 2.",
    ),
    (
        "label of no answer",
        lambda: OP.labels([[1, 2]], [7]),
        ValueError,
        "`answers` must be tokens of `op.elements`. Got 7 in row 0.",
    ),
    (
        "two labels of an input",
        lambda: OP.labels([[1, 2], [1, 2]], [3, 4]),
        ValueError,
        "`answers` must be the same where an input is repeated. Got 3 in row 0, and 4 elsewhere.",
    ),
    (
        "one number for two answers",
        lambda: pm.grid_logits(lambda t: torch.zeros(len(t)), pm.parity(3, of=[0])),
        ValueError,
        "`predict` must return one row of logits per input (8). Got shape (8,). If x is one output, positive "
        "where the answer is 1, its logits are torch.stack([torch.zeros_like(x), x], -1). If it is positive "
        "where the answer is 0, as a product of signs is, swap the two.",
    ),
    (
        "classes for tokens",
        lambda: pm.grid_logits(lambda t: torch.zeros(len(t), 5), OFFSET),
        ValueError,
        "`predict` must return a logit for every token of the operation, at least 6 columns. Got 5. If they "
        "are the 5 answers in their order, the answers' tokens are 0..4: pm.operation(function, tokens, "
        "tokens, answers=5).",
    ),
    (
        "positions before the batch",
        lambda: pm.grid_logits(lambda t: torch.zeros(2, len(t), 5), OP),
        ValueError,
        "`predict` must return logits at the answer position, shape (batch, V). Got (2, 25, 5). After "
        "model.eval(), select the position: lambda pairs: model(pairs.T)[-1].",
    ),
    (
        "logits of another grid",
        lambda: pm.cross_entropy(torch.zeros(4, 4, 5), pm.multiplication(5)),
        ValueError,
        "`logits` must have one column per element of the operation (4). Got 5. Select those of the answers: "
        "logits[..., op.elements].",
    ),
    (
        "function of tensors",
        lambda: pm.operation(lambda a, b: a.remainder(b), 5, 5),
        ValueError,
        "`function` must return an answer for each input. It raised AttributeError for (0, 0): 'int' object "
        "has no attribute 'remainder'. It is called with Python integers, one per operand (2).",
    ),
    (
        "answer of a long row",
        lambda: pm.operation(lambda *b: len(b) + 7, *[2] * 10, answers=2),
        ValueError,
        "`function` must return one of the 2 answers, 0..1. Got 17 for (0, 0, 0, 0, … 10 tokens). Take the "
        "remainder, or pass the `answers`.",
    ),
    (
        "inputs of two lengths",
        lambda: pm.operation(lambda a, _: a, inputs=[[1, 2], [3]], answers=5),
        ValueError,
        "`inputs` must all have the same number of tokens.",
    ),
    (
        "operand of some inputs",
        lambda: SOME.operand_basis(0),
        ValueError,
        "`op` must have all combinations of its operands. Got Operation(operation, n=5, frequencies=2, "
        "inputs=15), with some inputs only.",
    ),
    (
        "tuple without a list",
        lambda: pm.excluded_loss(torch.zeros(2, 2, 2, 2, 2), pm.parity(4, of=[0]), (1, 0, 0, 1)),
        ValueError,
        "`frequencies` must be distinct members of `op.frequencies`. Got (1, 0, 0, 1). If it is a frequency "
        "of the inputs, pass a list of such tuples: [(1, 0, 0, 1)].",
    ),
    (
        "many answers that never occur",
        lambda: pm.operation(lambda a: a * a % 97, 97),
        ValueError,
        "`answers` must all occur. Got none of 5, 7, 10, … (48 in all). Pass only the 49 that do, answers=[0, "
        "1, 2, 3, 4, 6, 8, 9, 11, 12, 16, 18, 22, 24, 25, 27, 31, 32, 33, 35, …], with the frequencies of "
        "their places; or add inputs.",
    ),
    (
        "column by two names",
        lambda: OP.mask([[1, 2]], columns=[1, -1]),
        ValueError,
        "`columns` must be distinct. Got 1 twice.",
    ),
]


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message, tmp_path, monkeypatch):
    assert_met_with(mistake, error, message, tmp_path, monkeypatch, OP, LOGITS, SOME, RECT)
