"""Arguments that a user can get wrong: the whole message that answers each, and that nothing was changed or lost."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

import progress_measures as pm
from progress_measures import plotting
from tests._unchanged import assert_met_with

OP = pm.addition(5)
LOGITS = torch.zeros(5, 5, 5)
ALL = torch.ones(5, 5, dtype=torch.bool)
LATIN = torch.tensor([[0, 1, 2, 3, 4], [1, 0, 3, 4, 2], [2, 3, 4, 0, 1], [3, 4, 1, 2, 0], [4, 2, 0, 1, 3]])  # no group
EMBEDDING = torch.nn.Embedding(5, 3)
LEARNED = pm.Trajectory([0, 1], {"train_accuracy": [0.5, 1], "test_accuracy": [0.5, 1]})
ONES = torch.nn.Embedding.from_pretrained(torch.ones(5, 3))
PHASE_COLUMNS = ("excluded_loss", "test_loss", "sum_squared_weights")
RUN = pm.Trajectory([0, 1], {"test_loss": [2.0, 1.0], "excluded_loss": [[1.0], [2.0]]})


class Foreign:
    """An array of another library, such as JAX's."""

    def __array__(self, dtype=None, copy=None):
        return np.zeros((25, 5), dtype)


def with_entry(x, index, value):
    x = x.clone()
    x[index] = value
    return x


def operation(**changed):
    fields = {"elements": OP.elements, "table": OP.table, "basis": OP.basis, "row_frequency": OP.row_frequency}
    return pm.Operation("mine", **fields | changed)


def neurons(**changed):
    layer = {"activations": torch.ones(4, 3), "readout": torch.ones(2, 3), "importance": torch.ones(3)}
    return pm.sparsity.effective_sparsity(**layer | {"answers": torch.tensor([0, 1, 1, 0])} | changed)


def iter_of(values):
    each = iter(values)
    return lambda _: float(next(each))


def effects(sites, replacement=abs, measures=dict):
    return pm.ablation.ablation_effects(model(), sites, replacement, measures)


def model():
    return nn.ModuleDict({"attention": nn.Linear(2, 3), "mlp": nn.Sequential(nn.Linear(3, 4), nn.ReLU())})


def ablate(replacement, layer=None, batch=2):
    layers = nn.Sequential(layer or nn.Linear(3, 4))
    with pm.ablated(layers, "0", replacement):
        layers(torch.ones(batch, 3))


def ablate_positions_first(replacement):
    layers = nn.Sequential(nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0))
    with pm.ablated(layers, "0", replacement):
        layers(torch.ones(3, 2, 4))


def ablate_on_grid(replacement, path="1", **options):
    layers = nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 5))
    with pm.ablated(layers, path, replacement):
        pm.grid_logits(layers, OP, **options)


def hook(path, context=None, **options):
    with (context or pm.captured)(model(), path, **options):
        pass


def measured(*values):
    """Tracks as many checkpoints as there are values, each measured as its value."""
    left = iter(values)
    return pm.track(((step, None) for step in range(len(values))), lambda _: next(left))


def sizes_of(rows, columns, source, op=OP):
    """Measures a model without input that has a matrix of some shape."""
    model = nn.Module()
    model.W = nn.Parameter(torch.ones(rows, columns))
    measure = pm.grokking_measures(
        lambda _, pairs: torch.zeros(len(pairs), int(op.elements.max()) + 1),
        op,
        [1],
        op.table < 2,
        weights={"W": source},
    )
    return measure(model)


def symmetricity(predict, op, embedding, **options):
    pm.circuits.gradient_symmetricity(predict, op, embedding, **options)


def captured_of(compiled):
    with pm.captured(compiled, "mlp"):
        pass


def square(model):
    """A loss."""
    return model.weight.square().sum()


def of_inference():
    with torch.inference_mode():
        return nn.Linear(2, 1)


class Uncopied(nn.Linear):
    def __deepcopy__(self, memo):
        raise ZeroDivisionError("no copy")


def compiled_in_place():
    compiled = model()
    compiled.compile(backend="eager")
    return compiled


def embedded(embed=EMBEDDING):
    """A function of pairs that embeds them in some way."""
    return lambda pairs: embed(pairs).flatten(1)[:, :3].repeat(1, 2)


def gradients_of(embedding, *inputs):
    pm.circuits.gradient_symmetricity(lambda pairs: embedding(*inputs or [pairs]), OP, embedding)


def to_csv(columns):
    pm.Trajectory([0], columns).to_csv("none/no.file")


# fmt: off
MISTAKES = [
    # Operations where they are used
    ("operation is its order", lambda: pm.restrict(LOGITS, 5, [1]), TypeError,
     "`op` must be an Operation, such as addition(113). Got int."),
    ("operation is its maker", lambda: pm.grid_logits(lambda pairs: pairs, pm.addition), TypeError,
     "`op` must be an Operation, such as addition(113). Got function."),
    ("first operation is its order", lambda: pm.groups.direct_product(5, OP), TypeError,
     "`first` must be an Operation, such as addition(113). Got int."),
    ("second operation is its order", lambda: pm.groups.direct_product(OP, 5), TypeError,
     "`second` must be an Operation, such as addition(113). Got int."),
    ("operation is a name", lambda: pm.spectrum(torch.ones(5), "addition"), TypeError,
     "`op` must be an Operation, such as addition(113). Got str."),
    ("operation of no elements", lambda: operation(elements=torch.ones(0, dtype=torch.int64)), ValueError,
     "`elements` must hold at least one token. Got none."),
    ("array of strings", lambda: pm.to_fourier(np.array(["a", "b"])), TypeError,
     "`x` must be numbers. Got an array of <U1."),
    ("basis of no functions", lambda: pm.fourier_basis(0), ValueError,
     "`n` must be at least 1. Got 0."),
    ("power of a list", lambda: pm.frequency_power([1.0, 2.0]), TypeError,
     "`x` must be a tensor or a NumPy array. Got list."),
    ("array of objects", lambda: pm.gini(np.array([1, None])), TypeError,
     "`x` must be numbers. Got an array of object."),
    ("model is compiled", lambda: captured_of(torch.compile(model(), backend="eager")), TypeError,
     "`model` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
     "Pass the module as it was before torch.compile."),
    ("model is compiled in place", lambda: captured_of(compiled_in_place()), TypeError,
     "`model` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
     "Pass the module as it was before torch.compile."),
    ("column named as a vector's entry", lambda: to_csv({"v": [[1.0, 2.0]], "v/1": [3.0]}), ValueError,
     "`columns` must have distinct names where each number has its own: 'step' is taken, and a vector becomes name/1, "
     "name/2. Got v/1, v/2."),
    ("column named step", lambda: to_csv({"step": [3.0]}), ValueError,
     "`columns` must have distinct names where each number has its own: 'step' is taken, and a vector becomes name/1, "
     "name/2. Got step."),
    # Paths and checkpoints of the wrong kind
    ("paths to ablate are a list", lambda: hook(["mlp"], pm.ablated, replacement=pm.zero_ablation()), TypeError,
     "`path` must be a string, or a mapping from paths to replacements. Got list."),
    ("paths are nested", lambda: hook([["mlp"]]), TypeError,
     "`path` must be a string or several. Got ['mlp'] (list) among them."),
    ("steps are uneven", lambda: pm.Trajectory([[0], [1, 2]], {}), TypeError,
     "`steps` must be a sequence of integers. Got list."),
    ("no steps are given", lambda: pm.Trajectory(None, {}), TypeError,
     "`steps` must be a sequence of integers. Got NoneType."),
    ("tensors of uneven shapes", lambda: pm.Trajectory([0, 1], {"x": [torch.ones(2), torch.ones(3)]}), TypeError,
     "`columns['x']` must be numbers. Got list."),
    ("a measure of logits is recorded", lambda: pm.Recorder(lambda logits, op: {"loss": op - logits}), TypeError,
     "`measures` must take the model alone, as `lambda model: {\"loss\": …}` does. Got a function of (logits, op)."),
    ("a function of nothing is tracked", lambda: pm.track([], model), TypeError,
     "`measures` must take the model alone, as `lambda model: {\"loss\": …}` does. Got a function of ()."),
    ("checkpoints are a mapping", lambda: pm.track({0: model()}, {}), TypeError,
     "`checkpoints` must yield pairs (step, model). Got dict. Pass its .items()."),
    ("checkpoints are a number", lambda: pm.track(3, {}), TypeError,
     "`checkpoints` must yield pairs (step, model). Got int."),
    ("a checkpoint of three", lambda: pm.track([(0, None, 1)], {}), TypeError,
     "`checkpoints` must yield pairs (step, model). Got tuple of 3."),
    ("load returns what load_state_dict returns",
     lambda: pm.track([(0, {})], {"x": type}, load=nn.Identity().load_state_dict), TypeError,
     "`load` must return the model. Got the result of load_state_dict. Return the model after this call."),
    ("load returns nothing", lambda: pm.track([(0, None)], {"x": type}, load=lambda _: None), TypeError,
     "`load` must return the model. Got None."),
    ("nothing is measured", lambda: pm.track([(0, None)], {}), ValueError,
     "`measures` must measure something. Got nothing by any name."),
    # Numbers
    ("order is a float", lambda: pm.addition(5.0), TypeError,
     "`n` must be an integer. Got 5.0 (float)."),
    ("order is a bool", lambda: pm.subtraction(True), TypeError,
     "`n` must be an integer. Got True (bool)."),
    ("order is zero", lambda: pm.addition(0), ValueError,
     "`n` must be at least 1. Got 0."),
    ("order is a string", lambda: pm.fourier_labels("5"), TypeError,
     "`n` must be an integer. Got '5' (str)."),
    ("integer basis", lambda: pm.fourier_basis(5, dtype=torch.int64), TypeError,
     "`dtype` must be a real floating-point type. Got torch.int64."),
    ("complex basis", lambda: pm.fourier_basis(5, dtype=torch.complex64), TypeError,
     "`dtype` must be a real floating-point type. Got torch.complex64."),
    ("dtype of another library", lambda: pm.fourier_basis(5, dtype=float), TypeError,
     "`dtype` must be a real floating-point type. Got <class 'float'>."),
    # Tensors
    ("list for a tensor", lambda: pm.to_fourier([1.0, 2.0]), TypeError,
     "`x` must be a tensor or a NumPy array. Got list."),
    ("complex", lambda: pm.from_fourier(torch.ones(5) * 1j), TypeError,
     "`x` must be real. Got torch.complex64."),
    ("no such axis", lambda: pm.to_fourier(torch.ones(2, 3), 2), ValueError,
     "`dim` must name an axis of a tensor of shape (2, 3). Got 2."),
    ("axis twice", lambda: pm.frequency_power(torch.ones(2, 3), (0, -2)), ValueError,
     "`dim` must name distinct axes. Got (0, -2)."),
    ("empty axis", lambda: pm.to_fourier(torch.ones(2, 0)), ValueError,
     "`x` must have at least one entry along `dim`. Got shape (2, 0) and dim -1."),
    ("axis is a float", lambda: pm.to_fourier(torch.ones(3), 0.0), TypeError,
     "`dim` must be an integer or a tuple of integers. Got 0.0."),
    ("two axes for one", lambda: pm.gini(torch.ones(2, 3), (0, 1)), ValueError,
     "`dim` must name one axis. Got (0, 1)."),
    ("infinity in a vector", lambda: pm.gini(torch.tensor([1.0, torch.inf, torch.nan])), ValueError,
     "`x` must be finite. Got 2 non-finite of 3 values, the first (inf) at index (1,)."),
    ("weights with the separator's row", lambda: pm.spectrum(torch.ones(3, 6), OP, 1), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 1. Got 6. "
     "Select them first: x.index_select(1, op.elements)."),
    ("checkpoint for a state dict", lambda: pm.sum_squared_weights({"model": {"w": torch.ones(2)}}), TypeError,
     "`model` must have tensors as values where it is a state dict. Got dict at 'model'. Pass the state dict itself."),
    ("parameters for a model", lambda: pm.parameter_norms([torch.ones(2)]), TypeError,
     "`model` must be a torch.nn.Module or a state dict. Got list."),
    # Operations
    ("elements are a list", lambda: operation(elements=[0, 1, 2, 3, 4]), TypeError,
     "`elements` must be a tensor or a NumPy array. Got list."),
    ("elements are floats", lambda: operation(elements=torch.arange(5.0)), TypeError,
     "`elements` must be integers. Got torch.float32."),
    ("negative element", lambda: operation(elements=torch.tensor([0, 1, 2, 3, -1])), ValueError,
     "`elements` must be distinct tokens, none negative. Got [0, 1, 2, 3, -1]."),
    ("element twice", lambda: operation(elements=torch.tensor([0, 1, 2, 3, 3])), ValueError,
     "`elements` must be distinct tokens, none negative. Got [0, 1, 2, 3, 3]."),
    ("bool table", lambda: operation(table=OP.table > 2), TypeError,
     "`table` must be integers. Got torch.bool."),
    ("table of another shape", lambda: operation(table=OP.table[:4]), ValueError,
     "`table` must have one entry per combination of the operands: shape (5, 5) for n=5. Got (4, 5). "
     "Pass `operands`, the tokens along each axis."),
    ("table of one number", lambda: operation(table=torch.tensor(0)), ValueError,
     "`table` must hold the answer to at least one input. Got shape ()."),
    ("answer that never occurs", lambda: operation(table=OP.table.clamp(max=3)), ValueError,
     "`table` must have an input for each answer. Got none for 4. "
     "Leave such answers out of `elements`, or add inputs."),
    ("answers that never occur", lambda: operation(table=0 * OP.table), ValueError,
     "`table` must have an input for each answer. Got none for 1, 2, 3, … (4 in all). "
     "Leave such answers out of `elements`, or add inputs."),
    ("table of tokens", lambda: operation(table=OP.table + 1), ValueError,
     "`table` must hold indices 0..4 of the answers. Got 1..5."),
    ("basis with nan", lambda: operation(basis=with_entry(OP.basis, (1, 2), torch.nan)), ValueError,
     "`basis` must be finite. Got 1 non-finite of 25 values, the first (nan) at index (1, 2)."),
    ("basis not orthonormal", lambda: operation(basis=2 * OP.basis), ValueError,
     "`basis` must have orthonormal rows to 1e-10. Got an inner product that is off by 3. Compute it in float64."),
    ("no constant row", lambda: operation(basis=torch.eye(5)), ValueError,
     "`basis` must have a constant row 0."),
    ("frequency left out", lambda: operation(row_frequency=torch.tensor([0, 1, 1, 3, 3])), ValueError,
     "`row_frequency` must be 0 for row 0 alone, then 1, 2, … in ascending order without a gap."),
    ("two constant rows", lambda: operation(row_frequency=torch.tensor([0, 0, 1, 2, 2])), ValueError,
     "`row_frequency` must be 0 for row 0 alone, then 1, 2, … in ascending order without a gap."),
    ("frequencies not ascending", lambda: operation(row_frequency=torch.tensor([0, 1, 2, 1, 2])), ValueError,
     "`row_frequency` must be 0 for row 0 alone, then 1, 2, … in ascending order without a gap."),
    ("no constant frequency", lambda: operation(row_frequency=torch.tensor([1, 1, 1, 2, 2])), ValueError,
     "`row_frequency` must be 0 for row 0 alone, then 1, 2, … in ascending order without a gap."),
    ("irreps without classes", lambda: operation(irreps=OP.irreps), ValueError,
     "`classes` must be given with `irreps`, whose characters are functions of them. Got None."),
    ("classes of another shape", lambda: operation(classes=torch.arange(4), irreps=OP.irreps), ValueError,
     "`classes` must have shape (5,) for n=5. Got (4,)."),
    ("classes are floats", lambda: operation(classes=torch.arange(5.0), irreps=OP.irreps), TypeError,
     "`classes` must be integers. Got torch.float32."),
    ("class left out", lambda: operation(classes=torch.tensor([0, 1, 2, 3, 5]), irreps=OP.irreps), ValueError,
     "`classes` must be numbered 0, 1, … without a gap, with the identity alone in class 0."),
    ("two identities", lambda: operation(classes=torch.tensor([0, 1, 2, 3, 0]), irreps=OP.irreps), ValueError,
     "`classes` must be numbered 0, 1, … without a gap, with the identity alone in class 0."),
    ("negative class", lambda: operation(classes=torch.tensor([0, 1, 2, 3, -1]), irreps=OP.irreps), ValueError,
     "`classes` must be numbered 0, 1, … without a gap, with the identity alone in class 0."),
    ("irreps are names", lambda: operation(classes=OP.classes, irreps=("a", "b")), TypeError,
     "`irreps` must be a tuple of Irreps whose characters are tensors. Got tuple of str, str."),
    ("an irrep missing", lambda: operation(classes=OP.classes, irreps=OP.irreps[:1]), ValueError,
     "`irreps` must have one entry per frequency (2). Got 1."),
    ("characters on other classes", lambda: operation(classes=OP.classes, irreps=pm.addition(4).irreps), ValueError,
     "`irreps` must have characters of shape (5,), one entry per class. Got (4,) for frequency 1."),
    ("characters of other rows", lambda: operation(classes=OP.classes, irreps=OP.irreps[::-1]), ValueError,
     "`irreps` must have the characters of the rows in `basis`. Got one of frequency 1 that is none: off by 0.447. "
     "Rows of a complex one come in pairs, see `Operation`."),
    ("character is a list",
     lambda: operation(classes=OP.classes, irreps=(pm.groups.Irrep(1, "real", [1.0]),) * 2), TypeError,
     "`irreps` must be a tuple of Irreps whose characters are tensors. Got tuple of Irrep, Irrep."),
    ("cyclic without its rows", lambda: operation(row_frequency=torch.tensor([0, 1, 2, 2, 2]), cyclic=True), ValueError,
     "`row_frequency` must be 0, 1, 1, 2, 2, … for a cyclic operation. Leave out `cyclic`."),
    ("mean of tokens", lambda: pm.mean_ablation()(torch.ones(2, 2, dtype=torch.int64)), TypeError,
     "`mean_ablation` must be of floating-point activations. Got torch.int64."),
    ("weights without a value", lambda: pm.circuits.circularity(torch.zeros(5, 0), OP), ValueError,
     "`embedding` must hold at least one value. Got shape (5, 0)."),
    # Logits and masks
    ("logits are a list", lambda: pm.cross_entropy(LOGITS.tolist(), OP), TypeError,
     "`logits` must be a tensor or a NumPy array. Got list."),
    ("logits without an axis", lambda: pm.cross_entropy(torch.zeros(5, 5), OP), ValueError,
     "`logits` must have axes (a, b, c): shape (5, 5, m), or (25, m) in row-major order. Got (5, 5)."),
    ("separator's column", lambda: pm.accuracy(torch.zeros(25, 6), OP), ValueError,
     "`logits` must have one column per element of the operation (5). Got 6. Drop the separator's column."),
    ("columns of other tokens", lambda: pm.logit_spectrum(torch.zeros(5, 5, 9), OP), ValueError,
     "`logits` must have one column per element of the operation (5). Got 9. "
     "Select those of the answers: logits[..., op.elements]."),
    ("nan in logits", lambda: pm.cross_entropy(with_entry(LOGITS, (1, 2, slice(3, None)), torch.nan), OP), ValueError,
     "`logits` must be finite. Got 2 non-finite of 125 values, the first (nan) at (a, b, c) (1, 2, 3)."),
    ("infinity in flat logits",
     lambda: pm.accuracy(with_entry(LOGITS, (4, 0, 1), -torch.inf).reshape(25, 5), OP), ValueError,
     "`logits` must be finite. Got 1 non-finite of 125 values, the first (-inf) at (a, b, c) (4, 0, 1)."),
    ("activations of some pairs", lambda: pm.neuron_spectrum(torch.zeros(5, 7, 2), OP), ValueError,
     "`activations` must have axes (a, b, neuron): shape (5, 5, m), or (25, m) in row-major order. Got (5, 7, 2)."),
    ("mask of numbers", lambda: pm.cross_entropy(LOGITS, OP, mask=ALL.double()), TypeError,
     "`mask` must be boolean. Got torch.float64."),
    ("mask is a list", lambda: pm.accuracy(LOGITS, OP, mask=[True]), TypeError,
     "`mask` must be a tensor or a NumPy array. Got list."),
    ("mask of another shape", lambda: pm.excluded_loss_per_frequency(LOGITS, OP, mask=ALL[:4]), ValueError,
     "`mask` must have one entry per pair: shape (5, 5). Got (4, 5)."),
    ("empty mask", lambda: pm.excluded_loss(LOGITS, OP, [1], mask=~ALL), ValueError,
     "`mask` selects no pair. A mean over nothing is undefined."),
    ("no pair trains", lambda: pm.measure(LOGITS, OP, [1], train_mask=~ALL), ValueError,
     "`train_mask` selects no pair. A mean over nothing is undefined."),
    ("no train mask", lambda: pm.measure(LOGITS, OP, [1], train_mask=None), TypeError,
     "`train_mask` must be boolean. Got None."),
    # Frequencies
    ("n - k for k", lambda: pm.restrict(LOGITS, OP, [1, 4]), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 4. Frequencies k and n-k are the same: pass 1."),
    ("the constant", lambda: pm.exclude(LOGITS, OP, [0]), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 0."),
    ("n - k where the operation is not cyclic", lambda: pm.exclude(LOGITS, operation(), [4]), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 4."),
    ("no frequency at all", lambda: pm.restrict(torch.zeros(1, 1, 1), pm.addition(1), [1]), ValueError,
     "`frequencies` must be empty for n=1, where there is only the constant. Got 1."),
    ("frequency twice", lambda: pm.restricted_loss(LOGITS, OP, [2, 1, 2]), ValueError,
     "`frequencies` must be distinct. Got 2 twice."),
    ("frequency for a sequence", lambda: pm.excluded_loss(LOGITS, OP, 2), TypeError,
     "`frequencies` must be a sequence of integers. Got 2 (int)."),
    ("string for a sequence", lambda: pm.excluded_loss(LOGITS, OP, "12"), TypeError,
     "`frequencies` must be a sequence of integers. Got '12' (str)."),
    ("frequencies are floats",
     lambda: pm.measure(LOGITS, OP, torch.tensor([1.0]), train_mask=OP.table < 2), TypeError,
     "`frequencies` must be integers. Got 1.0 (float)."),
    ("mask of frequencies", lambda: pm.restrict(LOGITS, OP, [False, True]), TypeError,
     "`frequencies` must be integers. Got False (bool)."),
    ("n - k for k in a replacement", lambda: pm.project_onto_frequencies(OP, [3]), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 3. Frequencies k and n-k are the same: pass 2."),
    ("terms misspelt", lambda: pm.restrict(LOGITS, OP, [1], terms="sums"), ValueError,
     "`terms` must be one of 'sum', 'product', 'polynomial', 'aligned'. Got 'sums'."),
    ("terms are None", lambda: pm.excluded_loss_per_frequency(LOGITS, OP, terms=None), ValueError,
     "`terms` must be one of 'sum', 'product', 'polynomial', 'aligned'. Got None."),
    ("aligned terms of activations", lambda: pm.project_out_frequencies(OP, [1], terms="aligned"), ValueError,
     "`terms` must be one of 'sum', 'product', 'polynomial'. Got 'aligned'."),
    ("power of every neuron", lambda: pm.key_frequencies(torch.ones(2, 3)), ValueError,
     "`power` must have one entry per frequency: shape (K,). Got (2, 3)."),
    ("negative power", lambda: pm.key_frequencies(torch.tensor([1.0, -0.25])), ValueError,
     "`power` must not be negative. Got -0.25."),
    ("power with nan", lambda: pm.key_frequencies(torch.tensor([1.0, torch.nan])), ValueError,
     "`power` must be finite. Got 1 non-finite of 2 values, the first (nan) at index (1,)."),
    ("drop that is none", lambda: pm.key_frequencies(torch.ones(3), min_drop=1), ValueError,
     "`min_drop` must be a finite number above 1. Got 1."),
    ("share is nan", lambda: pm.key_frequencies(torch.ones(3), min_share=float("nan")), ValueError,
     "`min_share` must be a finite number above 0. Got nan."),
    ("drop is a string", lambda: pm.key_frequencies(torch.ones(3), min_drop="4"), TypeError,
     "`min_drop` must be a real number. Got '4' (str)."),
    ("share is a bool", lambda: pm.key_frequencies(torch.ones(3), min_share=True), TypeError,
     "`min_share` must be a real number. Got True (bool)."),
    ("share of all", lambda: pm.key_frequencies(torch.ones(3), share=1), ValueError,
     "`share` must be at least 0 and below 1. Got 1."),
    ("weights without an operation", lambda: pm.key_frequencies(torch.ones(2), weights=torch.ones(5, 3)), ValueError,
     "`op` must be given with `weights`. Got None."),
    ("parts of the pairs", lambda: pm.sufficient_frequencies(torch.ones(5, 5, 5), OP, of="pairs"), ValueError,
     "`of` must be one of 'answer', 'inputs'. Got 'pairs'."),
    ("no draws", lambda: pm.sufficient_frequencies(torch.ones(5, 5, 5), OP, draws=0), ValueError,
     "`draws` must be at least 1. Got 0."),
    ("numbers for a spectrum", lambda: pm.onsets(pm.Trajectory([0], {"power": [1.0]}), "power"), ValueError,
     "`power` must be one number per frequency at each step: shape (T, K). Got (1,)."),
    ("onset of losses", lambda: pm.onsets(pm.Trajectory([0], {"a_loss": [[1.0]]}), "a_loss"), ValueError,
     "`a_loss` must be a spectrum, the power of each frequency. Got another quantity."),
    ("weights on their side", lambda: pm.key_frequencies(torch.ones(2), OP, weights=torch.ones(3, 5)), ValueError,
     "`weights` must have one row per element of the operation (5). Got (3, 5). Pass weights.T."),
    ("weights of another spectrum", lambda: pm.key_frequencies(torch.ones(2), OP, weights=torch.arange(5.0)[:, None]),
     ValueError,
     "`power` must be the spectrum of `weights`. Got a different one. Pass spectrum(weights, op), or no weights."),
    ("onset of a frequency beyond", lambda: pm.onsets(pm.Trajectory([0], {"x": [[1.0]]}), "x", frequencies=[2]),
     ValueError, "`frequencies` must lie in 1..1 for n=3. Got 2."),
    # Predictions
    ("predict is a dict", lambda: pm.grid_logits({"w": 1}, OP), TypeError,
     "`predict` must be callable. Got dict."),
    ("prediction is a tuple", lambda: pm.grid_logits(lambda pairs: (pairs, None), OP), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got tuple."),
    ("prediction is an array of objects", lambda: pm.grid_logits(lambda _: np.array([None]), OP), TypeError,
     "`logits` must be numbers. Got an array of object."),
    ("complex array predicted", lambda: pm.grid_logits(lambda pairs: np.ones((len(pairs), 5)) * 1j, OP), TypeError,
     "`predict` must return real logits. Got torch.complex128."),
    ("prediction is a list", lambda: pm.grid_logits(lambda pairs: pairs.tolist(), OP), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got list."),
    ("array of another library predicted", lambda: pm.grid_logits(lambda _: Foreign(), OP), TypeError,
     "`predict` must return a tensor or a NumPy array of logits. Got Foreign. Return numpy.asarray of it."),
    ("complex prediction", lambda: pm.grid_logits(lambda pairs: torch.ones(len(pairs), 5) * 1j, OP), TypeError,
     "`predict` must return real logits. Got torch.complex64."),
    ("logits at every position",
     lambda: pm.grid_logits(lambda pairs: torch.ones(len(pairs), 3, 5), OP, batch_size=10), ValueError,
     "`predict` must return logits at the answer position, shape (batch, V). Got (10, 3, 5). "
     "After model.eval(), select the position: lambda pairs: model(pairs)[:, -1]."),
    ("too few rows", lambda: pm.grid_logits(lambda pairs: torch.ones(len(pairs) - 1, 5), OP), ValueError,
     "`predict` must return one row of logits per pair (25). Got shape (24, 5)."),
    ("too few columns",
     lambda: pm.grid_logits(lambda pairs: torch.ones(len(pairs), 5), operation(elements=OP.elements + 3)), ValueError,
     "`predict` must return a logit for every token of the operation, at least 8 columns. Got 5. "
     "If they are the 5 answers in their order, the answers' tokens are 0..4: "
     "pm.operation(function, tokens, tokens, answers=5)."),
    ("prediction with nan",
     lambda: pm.grid_logits(lambda pairs: with_entry(torch.ones(len(pairs), 5), (6, 2), torch.nan), OP), ValueError,
     "`logits` must be finite. Got 1 non-finite of 125 values, the first (nan) at (a, b, c) (1, 1, 2)."),
    ("empty batches", lambda: pm.grid_logits(lambda pairs: pairs, OP, batch_size=0), ValueError,
     "`batch_size` must be at least 1. Got 0."),
    ("half a pair", lambda: pm.grid_logits(lambda pairs: pairs, OP, batch_size=2.5), TypeError,
     "`batch_size` must be an integer. Got 2.5 (float)."),
    ("nan in a later batch",
     lambda: pm.grid_logits(lambda pairs: torch.ones(len(pairs), 5).masked_fill(pairs[:, :1] == 3, torch.inf), OP, 4),
     ValueError,
     "`logits` must be finite. Got 5 non-finite of 20 values, the first (inf) at (a, b, c) (3, 0, 0)."),
    ("graph in a file", lambda: pm.grid_logits(lambda pairs: pairs, OP, out="logits.npy", requires_grad=True),
     ValueError, "`out` must be None where `requires_grad` is True, because a file holds no graph."),
    ("out is a number", lambda: pm.grid_logits(lambda pairs: pairs, OP, out=3), TypeError,
     "`out` must be a path. Got 3 (int)."),
    ("progress of grid_logits is a bool", lambda: pm.grid_logits(lambda pairs: pairs, OP, progress=True), TypeError,
     "`progress` must be a function of an iterable, such as tqdm. Got bool."),
    ("progress of measure is a bool",
     lambda: pm.measure(LOGITS, OP, [1], train_mask=torch.eye(5).bool(), progress=True), TypeError,
     "`progress` must be a function of an iterable, such as tqdm. Got bool."),
    # Submodules
    ("path misspelt", lambda: hook("mpl.0"), ValueError,
     "`path` must name a submodule of the model. Got 'mpl.0'. Did you mean 'mlp.0'?"),
    ("path misspelt in a mapping", lambda: hook({"attn": pm.zero_ablation()}, pm.ablated), ValueError,
     "`path` must name a submodule of the model. Got 'attn'. Did you mean 'attention'?"),
    ("path in a model without submodules", lambda: pm.captured(nn.ReLU(), "relu").__enter__(), ValueError,
     "`path` must name a submodule of the model. Got 'relu'. The model has no submodules."),
    ("path is a number", lambda: hook(7), TypeError,
     "`path` must be a string or several. Got 7 (int)."),
    ("path in a mapping is a number", lambda: hook({7: pm.zero_ablation()}, pm.ablated), TypeError,
     "`path` must be a string. Got 7 (int)."),
    ("one path is a number", lambda: hook(["mlp", 0]), TypeError,
     "`path` must be a string or several. Got 0 (int) among them."),
    ("nothing to capture", lambda: hook([]), ValueError,
     "`path` must name at least one submodule. Got none."),
    ("nothing to ablate", lambda: hook({}, pm.ablated), ValueError,
     "`path` must name at least one submodule. Got an empty mapping."),
    ("replacement left out", lambda: hook("mlp", pm.ablated), TypeError,
     "`replacement` must be a function of the activation. Got NoneType."),
    ("replacement is a tensor", lambda: hook({"mlp": torch.zeros(4)}, pm.ablated), TypeError,
     "`replacement` must be a function of the activation. Got Tensor."),
    ("mapping and replacement", lambda: hook({"mlp": torch.relu}, pm.ablated, replacement=torch.relu), TypeError,
     "`replacement` must be left out when `path` is a mapping. Got both."),
    ("model is a string", lambda: pm.ablated("model", "mlp", pm.zero_ablation()).__enter__(), TypeError,
     "`model` must be a torch.nn.Module. Got str."),
    ("replacement returns no tensor", lambda: ablate(lambda activation: activation.tolist()), TypeError,
     "The replacement for '0' must return a tensor. Got list."),
    ("replacement changes the shape", lambda: ablate(lambda activation: activation.mean(0)), ValueError,
     "The replacement for '0' must keep the activation's shape (2, 4). Got (4,)."),
    ("mean over positions", lambda: ablate_positions_first(pm.mean_ablation()), ValueError,
     "`dim` must be given where a module has its batch along another axis than 0. Got shape (3, 2, 4) from a module "
     "that has it along axis 1: pass dim=1."),
    ("mean over features", lambda: ablate_on_grid(pm.mean_ablation(dim=1)), ValueError,
     "The activation of `mean_ablation` must have one entry per input of the batch (25) along `dim`. Got 8 along axis "
     "1 of shape (25, 8). Axis 0 has 25: pass dim=0."),
    ("mean over an axis too far", lambda: ablate_on_grid(pm.mean_ablation(dim=2)), ValueError,
     "`dim` must name an axis of a tensor of shape (25, 8). Got 2."),
    ("means over batches", lambda: ablate_on_grid(pm.mean_ablation(), batch_size=10), ValueError,
     "`mean_ablation` must see all 25 inputs in one pass, because each pass has a mean of its own. Got 10 at a time. "
     "Pass batch_size=25."),
    ("centers of batches",
     lambda: ablate_on_grid(pm.project_out(torch.ones(8), center="mean"), batch_size=10), ValueError,
     '`center="mean"` must see all 25 inputs in one pass, because each pass has a mean of its own. Got 10 at a time. '
     "Pass batch_size=25."),
    ("axis of the batch is a name", lambda: pm.mean_ablation(dim="batch"), TypeError,
     "`dim` must be an integer, the axis of the batch. Got 'batch' (str)."),
    ("axis of calls is a name", lambda: hook("mlp", dim="batch"), TypeError,
     "`dim` must be an integer, the axis of the batch. Got 'batch' (str)."),
    ("source of another module", lambda: ablate(pm.resample_ablation(torch.ones(9, 3))), ValueError,
     "`source` must have rows of the activation's shape (4,). Got (3,)."),
    ("empty source", lambda: pm.resample_ablation(torch.ones(0, 4)), ValueError,
     "`source` must have at least one row to draw. Got shape (0, 4)."),
    ("source is a list", lambda: pm.resample_ablation([[1.0]]), TypeError,
     "`source` must be a tensor or a NumPy array. Got list."),
    ("negative seed", lambda: pm.resample_ablation(torch.ones(2, 4), seed=-1), ValueError,
     "`seed` must be at least 0. Got -1."),
    ("directions of another module", lambda: ablate(pm.project_onto(torch.ones(2, 3))), ValueError,
     "The activation must have 3 features, as the directions have. Got shape (2, 4)."),
    ("directions with three axes", lambda: pm.project_out(torch.ones(2, 3, 4)), ValueError,
     "`directions` must have one direction a row: shape (r, features). Got (2, 3, 4)."),
    ("directions all zero", lambda: pm.project_out(torch.zeros(2, 3)), ValueError,
     "`directions` must not all be zero. They span nothing."),
    ("directions with nan", lambda: pm.project_onto(torch.tensor([1.0, torch.nan])), ValueError,
     "`directions` must be finite. Got 1 non-finite of 2 values, the first (nan) at index (1,)."),
    ("batch is not the grid", lambda: ablate(pm.project_onto_frequencies(OP, [1]), batch=24), ValueError,
     "The activation must have one row per pair of the grid (25). Got shape (24, 4). "
     "Run the model on `op.inputs` in one forward pass."),
    ("submodule returns a tuple", lambda: ablate(pm.zero_ablation(), layer=nn.LSTM(3, 4)), TypeError,
     "The submodule '0' must return a tensor. Got tuple. "
     "Name one: output_of('0', 0), output_of('0', 1, 0), output_of('0', 1, 1)."),
    ("model is not run", lambda: hook("mlp.1"), RuntimeError,
     "The submodule 'mlp.1' must be called inside the context. It was not. "
     "Run the model there, not compiled, and name a submodule that its forward pass calls."),
    # Trajectories
    ("step twice", lambda: pm.Trajectory([0, 100, 100], {}), ValueError,
     "`steps` must ascend strictly. Got 100 after 100."),
    ("steps descend", lambda: pm.Trajectory(torch.tensor([0, 200, 100]), {}), ValueError,
     "`steps` must ascend strictly. Got 100 after 200."),
    ("half a step in a trajectory", lambda: pm.Trajectory([0.5, 1.0], {}), TypeError,
     "`steps` must be integers. Got float64."),
    ("no step", lambda: pm.Trajectory([], {}), ValueError,
     "`steps` must be a sequence of at least one integer. Got shape (0,)."),
    ("steps with two axes", lambda: pm.Trajectory([[0, 1]], {}), ValueError,
     "`steps` must be a sequence of at least one integer. Got shape (1, 2)."),
    ("columns without names", lambda: pm.Trajectory([0], [1.0]), TypeError,
     "`columns` must be a mapping from names to values. Got list."),
    ("name is a number", lambda: pm.Trajectory([0], {0: [1.0]}), TypeError,
     "`columns` must have strings as names. Got 0 (int)."),
    ("step of more than 64 bits", lambda: pm.Trajectory([0, 2**70], {}), ValueError,
     "`steps` must lie in -2^63..2^63 - 1. Got 1180591620717411303424."),
    ("step of 64 bits without a sign", lambda: pm.Trajectory(np.array([0, 2**63], dtype=np.uint64), {}), ValueError,
     "`steps` must lie in -2^63..2^63 - 1. Got 9223372036854775808."),
    ("step far below zero", lambda: pm.Trajectory([-1e30, 0.0], {}), ValueError,
     "`steps` must lie in -2^63..2^63 - 1. Got -1000000000000000019884624838656."),
    ("several columns at once", lambda: pm.Trajectory([0], {"x": [1]})[["x"]], TypeError,
     "`name` must be a string. Got ['x'] (list). Take several columns with select()."),
    ("saved name with NUL", lambda: pm.Trajectory([0], {"a\0b": [1]}).save("none/no.file"), ValueError,
     "`columns` must have names without NUL and of 60000 bytes at most to be saved. Got 'a\\x00b'. "
     "Rename with select()."),
    ("saved name that is long", lambda: pm.Trajectory([0], {"ö" * 30_001: [1]}).save("none/no.file"), ValueError,
     "`columns` must have names without NUL and of 60000 bytes at most to be saved. Got 'öööööööööööööööööööö…'. "
     "Rename with select()."),
    ("saved name that is no text", lambda: pm.Trajectory([0], {"\ud800": [1]}).save("none/no.file"), ValueError,
     "`columns` must have names that can be written in UTF-8. Got '\\ud800'. Rename with select()."),
    ("name of the steps", lambda: pm.Trajectory([0], {"steps": [0]}), ValueError,
     "`columns` must not use the name 'steps'. It is taken by the steps themselves."),
    ("column of another length", lambda: pm.Trajectory([0, 1], {"test_loss": [[1.0, 2.0]]}), ValueError,
     "`columns['test_loss']` must have one entry per step (2). Got shape (1, 2)."),
    ("number for a column", lambda: pm.Trajectory([0], {"test_loss": 1.0}), ValueError,
     "`columns['test_loss']` must have one entry per step (1). Got shape ()."),
    ("column of words", lambda: pm.Trajectory([0], {"test_loss": ["low"]}), TypeError,
     "`columns['test_loss']` must be numbers. Got list."),
    ("complex column", lambda: pm.Trajectory([0], {"test_loss": np.array([1j])}), TypeError,
     "`columns['test_loss']` must be real. Got complex128."),
    ("column misspelt", lambda: RUN["tets_loss"], KeyError,
     "`name` must be a column of the trajectory. Got 'tets_loss'. Did you mean 'test_loss'?"),
    ("no columns", lambda: pm.Trajectory([0], {})["test_loss"], KeyError,
     "`name` must be a column of the trajectory. Got 'test_loss'. The trajectory has no columns."),
    ("no checkpoint", lambda: pm.track([], {}), ValueError,
     "`checkpoints` must hold at least one (step, model). Got none."),
    ("checkpoints without steps", lambda: pm.track([nn.ReLU()], {}), TypeError,
     "`checkpoints` must yield pairs (step, model). Got ReLU."),
    ("half a step of a checkpoint", lambda: pm.track([(0.5, None)], {}), TypeError,
     "`step` must be an integer. Got 0.5 (float)."),
    ("negative step", lambda: pm.track([(-1, None)], {}), ValueError,
     "`step` must be at least 0. Got -1."),
    ("checkpoint twice", lambda: pm.track([(7, None), (0, None), (7, None)], {"x": lambda _: 1.0}), ValueError,
     "`checkpoints` must hold each step once. Got step 7 twice."),
    ("measure is a number", lambda: pm.track([(0, None)], 3), TypeError,
     "`measures` must be a function of the model, or a mapping of them. Got int."),
    ("measure by name is a number", lambda: pm.track([(0, None)], {"test_loss": 1.0}), TypeError,
     "`measures['test_loss']` must be callable. Got float."),
    ("measure by name returns several", lambda: pm.track([(0, None)], {"std": lambda _: {"x": 1.0}}), TypeError,
     "`measures['std']` must return one number or tensor. Got dict. To keep all that it returns, pass one function "
     'instead of a mapping: `lambda model: {**first(model), "x": x(model)}`.'),
    ("measured without a name", lambda: measured(1.0), TypeError,
     "`measures` must return a mapping from names to numbers. Got float."),
    ("measured nothing", lambda: measured({"loss": None}), TypeError,
     "`loss` must be numbers. Got NoneType."),
    ("measured names change", lambda: measured({"loss": 1, "norm": 1}, {"loss": 1, "size": 1}), ValueError,
     "`measures` must return the same names at every step. Got a difference in 'norm', 'size'."),
    ("measured shapes change", lambda: measured({"loss": [1, 2]}, {"loss": [1, 2, 3]}), ValueError,
     "`measures` must return the same shapes at every step. Got (3,) for 'loss' after (2,)."),
    ("heads of a function", lambda: pm.ablation.heads(abs), TypeError,
     "`model` must be a torch.nn.Module. Got builtin_function_or_method."),
    ("heads of a model without any", lambda: pm.ablation.heads(nn.Linear(2, 2)), ValueError,
     "`model` must have attention whose heads are known: nn.MultiheadAttention, as in nn.TransformerEncoder, GPT-2 of "
     "transformers, or TransformerLens. Got Linear with none. Name a head of another model by the layer that reads all "
     "of them: pm.ablation.Head(path, \"input\", head=2, width=64)."),
    ("a negative head", lambda: pm.ablation.Head("o", "input", head=-1), ValueError,
     "`head` must be at least 0. Got -1."),
    ("a head without width", lambda: pm.ablation.Head("o", "input", head=1, width=0), ValueError,
     "`width` must be at least 1. Got 0."),
    ("effects on nothing", lambda: effects({}), ValueError,
     "`sites` must name something to ablate. Got an empty mapping."),
    ("effects of the first row's name", lambda: effects({"mlp": "mlp.0", "without ablation": "mlp"}), ValueError,
     "`sites` must not use the name 'without ablation', which is the first row. Got mlp, without ablation."),
    ("effects by site", lambda: effects({pm.output_of("mlp.0"): pm.zero_ablation()}), TypeError,
     "`sites` must have strings as names. Got output_of('mlp.0') (Site). A mapping is from names to what is ablated; "
     "the replacement is an argument of its own."),
    ("effects of a replacement by name", lambda: effects({"mlp": pm.zero_ablation()}), TypeError,
     "`sites['mlp']` must be a path, a site or several. Got zero_ablation() (_Zero)."),
    ("effects on a path that is not there", lambda: effects("mlp.9"), ValueError,
     "`path` must name a submodule of the model. Got 'mlp.9'. Did you mean 'mlp.1'?"),
    ("effects of a number", lambda: effects("mlp.0", 0), TypeError,
     "`replacement` must be a function of the activation. Got int."),
    ("effects on a number", lambda: effects("mlp.0", pm.zero_ablation(), 3), TypeError,
     "`measures` must be a function of the model, or a mapping of them. Got int."),
    ("phases of a dict", lambda: pm.find_phases({"steps": [0]}, answers=5), TypeError,
     "`trajectory` must be a Trajectory. Got dict."),
    ("phases without a column",
     lambda: pm.find_phases(pm.Trajectory([0], {"los": [1], "norm/1": [1], "norm/2": [1]}), answers=5), ValueError,
     "`trajectory` must have a number in one of the columns 'train_loss', 'test_loss', 'train_accuracy', "
     "'test_accuracy', 'excluded_loss', 'restricted_loss', 'sum_squared_weights'. Got 'los', 'norm/1', 'norm/2'. "
     "Rename what is the same by another name: trajectory.select({'its name': 'test_loss'}), or where it is read, "
     "rename={'test_loss': 'its name'} or --rename 'test_loss=its name'."),
    ("phases of a vector", lambda: pm.find_phases(RUN, answers=5), ValueError,
     "`excluded_loss` must be one number per step. Got shape (2, 1). Give an entry of it a name: "
     "pm.Trajectory(run.steps, {'entry': run['excluded_loss'][:, 0]})."),
    ("phases with -inf",
     lambda: pm.find_phases(pm.Trajectory([0, 1], {"excluded_loss": [1, -torch.inf]}), answers=5), ValueError,
     "`excluded_loss` must be finite. Got 1 non-finite of 2 values, the first (-inf) at step number (1,). "
     "Leave such steps out: pass trajectory.complete(['excluded_loss'])."),
    ("a phase at no step", lambda: pm.Phases(1, 2, 3).at(0.5), TypeError,
     "`step` must be an integer. Got 0.5 (float)."),
    ("milestones of a dict", lambda: pm.milestones({"steps": [0]}, answers=5), TypeError,
     "`trajectory` must be a Trajectory. Got dict."),
    ("milestones without a column",
     lambda: pm.milestones(pm.Trajectory([0], {"test/acc": [1]}), answers=5), ValueError,
     "`trajectory` must have a number in one of the columns 'train_loss', 'test_loss', 'train_accuracy', "
     "'test_accuracy', 'excluded_loss', 'restricted_loss', 'sum_squared_weights'. Got 'test/acc'. "
     "Rename what is the same by another name: trajectory.select({'test/acc': 'test_accuracy'}), or where it is read, "
     "rename={'test_accuracy': 'test/acc'} or --rename test_accuracy=test/acc."),
    ("milestones of one answer", lambda: pm.milestones(pm.Trajectory([0], {"test_loss": [1]}), answers=1), ValueError,
     "`answers` must be at least 2. Got 1."),
    ("accuracies of more than all",
     lambda: pm.milestones(pm.Trajectory([0], {"test_accuracy": [101]}), answers=5), ValueError,
     "`test_accuracy` must be shares from 0 to 1, or percents from 0 to 100. Got 101."),
    ("onset without a column", lambda: pm.phases.onset(RUN, "excluded_los"), KeyError,
     "`name` must be a column of the trajectory. Got 'excluded_los'. Did you mean 'excluded_loss'?"),
    ("onset of a vector", lambda: pm.phases.onset(RUN, "excluded_loss"), ValueError,
     "`excluded_loss` must be one number per step. Got shape (2, 1). Give an entry of it a name: "
     "pm.Trajectory(run.steps, {'entry': run['excluded_loss'][:, 0]})."),
    ("onset of a whole change", lambda: pm.phases.onset(RUN, "excluded_loss", share=1.0), ValueError,
     "`share` must be at least 0 and below 1. Got 1.0."),
    ("onset at a level of words", lambda: pm.phases.onset(RUN, "excluded_loss", level="low"), TypeError,
     "`level` must be a real number. Got 'low' (str)."),
    ("lead of a delay",
     lambda: pm.phases.lead(pm.phases.Event(3), pm.milestones(LEARNED, answers=5).events["delay"]), TypeError,
     "`event` must be an Event, as onset returns, or as the `events` of phases and milestones are. Got Count."),
    ("lead of a step", lambda: pm.phases.lead(3, pm.phases.Event(4)), TypeError,
     "`sign` must be an Event, as onset returns, or as the `events` of phases and milestones are. Got int."),
    ("one answer",
     lambda: pm.find_phases(pm.Trajectory([0], {name: [1] for name in PHASE_COLUMNS}), answers=1), ValueError,
     "`answers` must be at least 2. Got 1."),
    ("intervals of no steps", lambda: pm.Phases(1, 2, 3).intervals([]), ValueError,
     "`steps` must be a sequence of at least one integer. Got shape (0,)."),
    ("lead times of a large change", lambda: pm.lead_times(RUN, answers=5, change=1.0), ValueError,
     "`change` must be at least 0 and below 1. Got 1.0."),
    ("summary of one run", lambda: pm.phases.summary(RUN, answers=5), TypeError,
     "`runs` must be a mapping from names to trajectories. Got Trajectory."),
    ("summary of nothing", lambda: pm.phases.summary({}, answers=5), ValueError,
     "`runs` must hold at least one trajectory. Got none."),
    ("summary of one answer", lambda: pm.phases.summary({"a": LEARNED}, answers=1), ValueError,
     "`answers` must be at least 2. Got 1."),
    ("spread of one run", lambda: pm.phase_spread(RUN, answers=5), TypeError,
     "`runs` must be several runs, or a mapping from names to them. Got Trajectory."),
    ("spread of a number", lambda: pm.phase_spread(3), TypeError,
     "`runs` must be several runs, or a mapping from names to them. Got int."),
    ("spread of nothing", lambda: pm.phase_spread({}), ValueError,
     "`runs` must hold at least one run. Got none."),
    ("spread of numbers", lambda: pm.phase_spread([3], answers=5), TypeError,
     "`trajectory` must be a Trajectory. Got int."),
    ("spread of trajectories without answers",
     lambda: pm.phase_spread([pm.Trajectory([0], {name: [1] for name in PHASE_COLUMNS})]), TypeError,
     "`answers` must be an integer. Got None (NoneType)."),
    # Controls
    ("control of no frequency",
     lambda: pm.random_frequency_control(LOGITS, OP, [], train_mask=OP.table < 2), ValueError,
     "`frequencies` must be some of the 2 for n=5, and not all. Got 0. There is nothing to compare them with."),
    ("control of all frequencies",
     lambda: pm.shuffled_label_control(LOGITS, OP, [1, 2], train_mask=OP.table < 2), ValueError,
     "`frequencies` must be some of the 2 for n=5, and not all. Got 2. There is nothing to compare them with."),
    ("control without draws",
     lambda: pm.shuffled_label_control(LOGITS, OP, [1], train_mask=OP.table < 2, draws=0), ValueError,
     "`draws` must be at least 1. Got 0."),
    ("control with a broken seed",
     lambda: pm.random_frequency_control(LOGITS, OP, [1], train_mask=OP.table < 2, seed=0.5), TypeError,
     "`seed` must be an integer. Got 0.5 (float)."),
    ("control with a negative seed",
     lambda: pm.random_frequency_control(LOGITS, OP, [1], train_mask=OP.table < 2, seed=-1), ValueError,
     "`seed` must be at least 0. Got -1."),
    ("control with a seed of too many digits",
     lambda: pm.shuffled_label_control(LOGITS, OP, [1], train_mask=OP.table < 2, seed=2**64), ValueError,
     "`seed` must be at most 18446744073709551615. Got 18446744073709551616. Generators take 64 bits."),
    ("one quantile of a control", lambda: pm.measures.Control(torch.ones(()), torch.ones(3)).quantiles(2.0), TypeError,
     "`at` must be a sequence of numbers between 0 and 1. Got 2.0 (float)."),
    ("quantile of a control above 1",
     lambda: pm.measures.Control(torch.ones(()), torch.ones(3)).quantiles([0.5, 2.0]), ValueError,
     "`at` must lie between 0 and 1. Got 2.0."),
    ("quantile of a control by name",
     lambda: pm.measures.Control(torch.ones(()), torch.ones(3)).quantiles("9"), TypeError,
     "`at` must be a real number. Got '9' (str)."),
    # Pictures
    ("no such scale", lambda: plotting.plot_curves(RUN, ["test_loss"], scale="logarithmic"), ValueError,
     "`scale` must be one of 'linear', 'log'. Got 'logarithmic'."),
    ("no such horizontal scale", lambda: plotting.plot_curves(RUN, ["test_loss"], x="symlog"), ValueError,
     "`x` must be one of 'linear', 'log'. Got 'symlog'."),
    ("no such spread", lambda: plotting.plot_runs({"a": RUN}, ["test_loss"], spread="sem"), ValueError,
     "`spread` must be one of 'std', 'quantiles', 'each'. Got 'sem'."),
    ("picture of nan alone", lambda: plotting.plot_curves(pm.Trajectory([0], {"x": [torch.nan]}), "x"), ValueError,
     "`columns` must have a finite number to be drawn. Got 'x', nan at each of 1 steps. Draw other columns."),
    ("mean of runs apart",
     lambda: plotting.plot_runs({s: pm.Trajectory([int(s)], {"x": [1.0]}) for s in "01"}, "x"), ValueError,
     "`runs` must have a step in common. Got 0 with 1 in 0..0, 1 with 1 in 1..1. "
     "Draw each run, not their mean: spread='each' (--each)."),
    ("no such curve", lambda: plotting.plot_curves(RUN, ["test_los"]), KeyError,
     "`name` must be a column of the trajectory. Got 'test_los'. Did you mean 'test_loss'?"),
    ("picture of several spectra", lambda: plotting.plot_spectrum(torch.ones(2, 2)), ValueError,
     "`power` must have one entry per frequency: shape (K,). Got (2, 2)."),
    ("frequency without a bar", lambda: plotting.plot_spectrum(torch.ones(3), key_frequencies=[4]), ValueError,
     "`key_frequencies` must lie in 1..3, as the picture does. Got 4."),
    ("one key frequency", lambda: plotting.plot_spectrum(torch.ones(3), key_frequencies=2), TypeError,
     "`key_frequencies` must be a sequence of integers. Got 2 (int)."),
    ("frequency without a component",
     lambda: plotting.plot_fourier_grid(torch.ones(5, 5), key_frequencies=[3]), ValueError,
     "`key_frequencies` must lie in 1..2, as the picture does. Got 3."),
    ("key frequency twice", lambda: plotting.plot_fourier_grid(torch.ones(5, 5), key_frequencies=[1, 1]), ValueError,
     "`key_frequencies` must be distinct. Got 1 twice."),
    ("picture not square", lambda: plotting.plot_grid(torch.ones(5, 4)), ValueError,
     "`values` must be square: shape (n, n). Got (5, 4)."),
    ("empty picture", lambda: plotting.plot_fourier_grid(torch.ones(0, 0)), ValueError,
     "`components` must be square: shape (n, n). Got (0, 0)."),
    ("picture of nan", lambda: plotting.plot_grid(torch.full((2, 2), torch.nan)), ValueError,
     "`values` must be finite. Got 4 non-finite of 4 values, the first (nan) at index (0, 0)."),
    ("picture of no column of frequencies", lambda: plotting.plot_frequencies(RUN, "test_loss"), ValueError,
     "`column` must have one number per frequency at each step: shape (T, K). Got (2,) in 'test_loss'."),
    ("heat map of subsets of bits",
     lambda: plotting.plot_frequencies(pm.Trajectory([0], {"x": torch.ones(1, 2, 2)}), "x", kind="heat map"),
     ValueError, "`kind` must be 'lines' for frequencies of the inputs, which have no order. Got (1, 2, 2) in 'x'."),
    ("no such kind of picture", lambda: plotting.plot_frequencies(RUN, "test_loss", kind="heatmap"), ValueError,
     "`kind` must be one of 'lines', 'heat map'. Got 'heatmap'."),
    ("key frequency of bits as an integer",
     lambda: plotting.plot_frequencies(pm.Trajectory([0], {"x": torch.ones(1, 2, 2)}), "x", key_frequencies=[1]),
     TypeError, "`key_frequencies` must be tuples, one integer per operand (2). Got 1 (int)."),
    ("key frequency of too many bits",
     lambda: plotting.plot_input_spectrum(torch.zeros(2, 2), pm.parity(2, of=[0]), key_frequencies=[(1, 0, 1)]),
     ValueError, "`key_frequencies` must have one integer per operand (2). Got (1, 0, 1)."),
    ("constant as a key frequency",
     lambda: plotting.plot_input_spectrum(torch.zeros(2, 2), pm.parity(2, of=[0]), key_frequencies=[(0, 0)]),
     ValueError, "`key_frequencies` must not hold the constant, (0, 0)."),
    ("key frequency of inputs twice",
     lambda: plotting.plot_input_spectrum(torch.zeros(2, 2), pm.parity(2, of=[0]), key_frequencies=[(0, 1), (0, 1)]),
     ValueError, "`key_frequencies` must be distinct. Got (0, 1) twice."),
    ("one key frequency of inputs",
     lambda: plotting.plot_input_spectrum(torch.zeros(2, 2), pm.parity(2, of=[0]), key_frequencies=3), TypeError,
     "`key_frequencies` must be a sequence of tuples. Got 3 (int)."),
    ("spectrum of other inputs",
     lambda: plotting.plot_input_spectrum(torch.zeros(2, 2), pm.parity(3, of=[0])), ValueError,
     "`share` must have one entry per frequency of the inputs, as of `input_spectrum`: shape (2, 2, 2). Got (2, 2)."),
    ("shares of inputs above 1",
     lambda: plotting.plot_input_spectrum(torch.full((2, 2), 2.0), pm.parity(2, of=[0])), ValueError,
     "`share` must lie between 0 and 1. Got 2."),
    ("picture of an embedding of one column", lambda: plotting.plot_embedding(torch.ones(5, 1), OP), ValueError,
     "`weights` must have two columns or more beside the axis of the elements. Got 1."),
    ("picture of a frequency without a plane",
     lambda: plotting.plot_embedding(torch.eye(4), pm.addition(4), frequency=2), ValueError,
     "`frequency` must have two basis rows or more, which span a plane. Got 2, with one."),
    ("neurons without an axis", lambda: plotting.plot_neurons(torch.ones(4)), ValueError,
     "`shares` must have one row per neuron, as of `neuron_spectrum`: shape (m, K). Got (4,)."),
    ("activations for shares", lambda: plotting.plot_neurons(torch.tensor([[-1.0, 3.0]])), ValueError,
     "`shares` must lie between 0 and 1. Got -1."),
    ("phases without names", lambda: plotting.plot_phases([pm.Phases(1, 2, 3)]), TypeError,
     "`runs` must be a mapping from names to them. Got list."),
    ("phases of runs with numbers for names",
     lambda: plotting.plot_phases({3: pm.Phases(1, 2, 3)}), TypeError,
     "`runs` must have strings for names. Got 3 (int)."),
    ("phases of no run", lambda: plotting.plot_phases({}), ValueError, "`runs` must hold at least one. Got none."),
    ("controls of a loss", lambda: plotting.plot_controls({"a": torch.ones(3)}), TypeError,
     "`controls` must be Controls, or a Control for each name. Got Tensor."),
    ("control that is not finite",
     lambda: plotting.plot_controls(pm.measures.Control(torch.tensor(torch.nan), torch.ones(2))), ValueError,
     "`controls.real` must be finite. Got 1 non-finite of 1 values, the first (nan) at index ()."),
    ("no such order of effects", lambda: plotting.plot_effects({"a": 1.0}, order="size"), ValueError,
     "`order` must be one of 'given', 'largest'. Got 'size'."),
    ("effect that is a word", lambda: plotting.plot_effects({"mlp": "zero"}), TypeError,
     "`effects['mlp']` must be numbers. Got str."),
    ("effect of nothing", lambda: plotting.plot_effects({"mlp": []}), ValueError,
     "`effects['mlp']` must hold at least one number. Got none."),
    ("effects below zero on a logarithmic axis",
     lambda: plotting.plot_effects({"mlp": 1.0}, reference=-2.0, scale="log"), ValueError,
     "`scale` must be 'linear' where numbers are not above zero. Got -2."),
    ("place of a circuit of three numbers", lambda: plotting.plot_clock_or_pizza({"a": (0.1, 0.2, 0.3)}), ValueError,
     "`points['a']` must be two numbers, symmetricity and irrelevance. Got shape (3,)."),
    ("place of a circuit in the wrong order", lambda: plotting.plot_clock_or_pizza({"a": (0.9, -0.4)}), ValueError,
     "`points['a']` must be a symmetricity in [-1, 1] and an irrelevance in [0, 1]. Got (0.9, -0.4). "
     "They come in this order."),
    ("multiplication modulo a composite", lambda: pm.multiplication(15), ValueError,
     "`p` must be prime. Got 15 = 3 · 5: multiples of 3 have no inverse, so its numbers are no group."),
    ("division modulo one", lambda: pm.division(1), ValueError, "`p` must be at least 2. Got 1."),
    ("division modulo a half", lambda: pm.division(6.5), TypeError, "`p` must be an integer. Got 6.5 (float)."),
    ("projection about nothing", lambda: pm.project_out(torch.ones(2), center="zero"), ValueError,
     "`center` must be one of 'origin', 'mean'. Got 'zero'."),
    ("rows of no frequency", lambda: OP.rows([3]), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 3. Frequencies k and n-k are the same: pass 2."),
    ("neurons of one axis", lambda: pm.neuron_frequencies(torch.ones(3)), ValueError,
     "`share` must have axes (neuron, frequency): shape (m, K). Got (3,)."),
    ("neurons of nan", lambda: pm.neuron_frequencies(torch.tensor([[0.5, torch.nan]])), ValueError,
     "`share` must be finite. Got 1 non-finite of 2 values, the first (nan) at (neuron, frequency) (0, 1)."),
    ("share in per cent", lambda: pm.neuron_frequencies(torch.ones(3, 2) / 2, min_share=85), ValueError,
     "`min_share` must be at least 0 and below 1. Got 85."),
    ("shares of neurons along axis 1", lambda: pm.neuron_frequencies(torch.eye(2).repeat_interleave(3, dim=1)),
     ValueError, "`share` must sum to at most 1 for each neuron. Got 3 in row 0. If the neurons are along axis 1, pass "
     "share.T."),
    ("share below zero", lambda: pm.neuron_frequencies(torch.tensor([[0.5, -0.5]])), ValueError,
     "`share` must not be negative. Got -0.5."),
    ("share in words", lambda: pm.neuron_frequencies(torch.ones(3, 2) / 2, min_share="most"), TypeError,
     "`min_share` must be a real number. Got 'most' (str)."),
    ("one frequency for all neurons", lambda: pm.project_each_onto_frequency(OP, torch.tensor(1)), ValueError,
     "`frequency` must have one entry per neuron: shape (m,). Got ()."),
    ("neurons of no frequency", lambda: pm.project_each_onto_frequency(OP, torch.tensor([0, 3])), ValueError,
     "`frequency` must lie in 0..2 for n=5, 0 for none. Got 3."),
    ("neurons of frequency -1", lambda: pm.project_each_onto_frequency(OP, torch.tensor([-1])), ValueError,
     "`frequency` must lie in 0..2 for n=5, 0 for none. Got -1."),
    ("frequencies as shares", lambda: pm.project_each_onto_frequency(OP, torch.ones(2)), TypeError,
     "`frequency` must be integers. Got torch.float32."),
    ("frequencies as a list", lambda: pm.project_each_onto_frequency(OP, [1, 2]), TypeError,
     "`frequency` must be a tensor or a NumPy array. Got list."),
    ("neurons of another layer",
     lambda: pm.project_each_onto_frequency(OP, torch.tensor([1, 2]))(torch.ones(25, 3)), ValueError,
     "`frequency` must have one entry per neuron of the activation (3). Got 2."),
    ("neurons without an axis",
     lambda: pm.project_each_onto_frequency(OP, torch.tensor([1]))(torch.ones(25)), ValueError,
     "The activation must have one row per pair of the grid and one column per neuron: shape (25, m). Got (25,). "
     "Run the model on `op.inputs` in one forward pass."),
    ("explained along nothing", lambda: pm.explained_variance(torch.ones(3), torch.ones(3), ()), ValueError,
     "`dim` must name at least one axis. Got ()."),
    ("no feature fitted", lambda: pm.fit_waves(torch.ones(3, 0), torch.eye(3)[:1]), ValueError,
     "`x` must have values. Got shape (3, 0)."),
    ("explained by something else", lambda: pm.explained_variance(torch.ones(3), torch.ones(1)), ValueError,
     "`approximation` must have the shape of `x`, (3,). Got (1,)."),
    ("nothing explained", lambda: pm.explained_variance(torch.ones(0), torch.ones(0)), ValueError,
     "`x` must have values. Got shape (0,)."),
    ("explained along no axis", lambda: pm.explained_variance(torch.ones(3), torch.ones(3), 1), ValueError,
     "`dim` must name an axis of a tensor of shape (3,). Got 1."),
    ("explained complex", lambda: pm.explained_variance(torch.ones(3) * 1j, torch.ones(3)), TypeError,
     "`x` must be real. Got torch.complex64."),
    ("one wave without its axis", lambda: pm.fit_waves(torch.ones(3), torch.ones(3)), ValueError,
     "`waves` must have one function a row: shape (r, points). Got (3,)."),
    ("waves of other points", lambda: pm.fit_waves(torch.ones(5, 5), torch.ones(1, 25)), ValueError,
     "`x` must have one row for each of the waves' 25 points. Got shape (5, 5). "
     "A grid's first two axes are flattened to one: x.flatten(0, 1)."),
    ("the same wave twice", lambda: pm.fit_waves(torch.ones(3), torch.eye(3)[[0, 0]]), ValueError,
     "`waves` must be independent of each other and of a constant. Got 2 of rank 1. "
     "Leave out what the others make up; the constant is always fitted."),
    ("a constant as a wave", lambda: pm.fit_waves(torch.ones(3), torch.tensor([[1, 2, 3], [7, 7, 7]])), ValueError,
     "`waves` must not be constant; the constant is always fitted. Got one in row 1."),
    ("no wave", lambda: pm.fit_waves(torch.ones(3), torch.zeros(1, 3)), ValueError,
     "`waves` must not be constant; the constant is always fitted. Got one in row 0."),
    ("more waves than points", lambda: pm.fit_waves(torch.ones(2), torch.randn(5, 2)), ValueError,
     "`waves` must be independent of each other and of a constant. Got 5 of rank 1. "
     "Leave out what the others make up; the constant is always fitted."),
    ("nan fitted", lambda: pm.fit_waves(torch.tensor([1.0, torch.inf]), torch.eye(2)[:1]), ValueError,
     "`x` must be finite. Got 1 non-finite of 2 values, the first (inf) at index (1,)."),
    # Embeddings that belong to no operation
    ("a table of one feature", lambda: pm.embeddings.period_shares(torch.ones(9), [2]), ValueError,
     "`table` must have one row per token, shape (tokens, features). Got (9,). "
     "A single feature has shape (tokens, 1): pass table[:, None]."),
    ("a table of few tokens", lambda: pm.embeddings.circle_fit(torch.ones(3, 2)), ValueError,
     "`table` must have at least 4 tokens. Got 3."),
    ("positions of other tokens", lambda: pm.embeddings.period_shares(torch.ones(9, 2), [2], positions=range(8)),
     ValueError, "`positions` must have one integer per row of `table`, (9,). Got shape (8,)."),
    ("a position twice", lambda: pm.embeddings.helix_fit(torch.ones(6, 2), positions=[0, 1, 5, 2, 1, 3]), ValueError,
     "`positions` must be distinct. Got 1 twice. Leave out one of its rows."),
    ("no periods", lambda: pm.embeddings.period_shares(torch.ones(9, 2), []), ValueError,
     "`periods` must have at least one period. Got none."),
    ("one period, not in a list", lambda: pm.embeddings.period_shares(torch.ones(9, 2), 5), TypeError,
     "`periods` must be a sequence of numbers. Got 5 (int)."),
    ("a period that is too short", lambda: pm.embeddings.period_shares(torch.ones(9, 2), [3, 1.5]), ValueError,
     "`periods` must be finite and at least 2. Got 1.5."),
    ("a period that is too short for the positions",
     lambda: pm.embeddings.period_shares(torch.ones(9, 2), [5], positions=range(1, 28, 3)), ValueError,
     "`periods` must be at least 6 for positions that are multiples of 3 apart, where a shorter wave is the same as a "
     "longer one. Got 5. Pass positions // 3, and periods of these."),
    ("a period twice", lambda: pm.embeddings.period_shares(torch.ones(9, 2), [2, 2.0]), ValueError,
     "`periods` must be distinct. Got [2.0, 2.0]."),
    ("a period that is a trend", lambda: pm.embeddings.period_shares(torch.ones(9, 2), [1e9]), ValueError,
     "`periods` must be waves that a trend of degree 1 does not explain. Got 1e+09 for positions that span 9. "
     "Lower `trend`, or leave this period out."),
    ("a period without neighbours", lambda: pm.embeddings.period_control(torch.ones(70, 2), [5, 20]), ValueError,
     "`periods` must be at most 10 for positions that span 70. Got 20. Longer ones have no neighbours on both sides: "
     "for their shares alone, use period_shares."),
    ("a helix of more functions than tokens", lambda: pm.embeddings.helix_fit(torch.ones(9, 2), periods=[3, 4, 5]),
     ValueError, "`table` must have at least two tokens more than the 8 functions of a helix with these periods. "
     "Got 9. Pass fewer `periods`."),
    ("a residue of one token", lambda: pm.embeddings.residue_probe(torch.ones(9, 2), 5, folds=3), ValueError,
     "`modulus` must leave at least two tokens for each residue. Got 5 for 9 tokens, and 1 for residue 4. "
     "Pass a smaller modulus, or more tokens."),
    ("more folds than tokens", lambda: pm.embeddings.residue_probe(torch.ones(9, 2), 2), ValueError,
     "`folds` must be at most 9. Got 10. A fold has at least one token."),
    # Attention
    ("pattern of one head", lambda: pm.attention.previous_token_score(torch.eye(3)[None]), ValueError,
     "`pattern` must have axes (batch, heads, query, key), with as many queries as keys. Got shape (1, 3, 3). "
     "For a single sequence or head, insert the axis with None."),
    ("pattern of the last query", lambda: pm.attention.previous_token_score(torch.ones(2, 1, 1, 3) / 3), ValueError,
     "`pattern` must have axes (batch, heads, query, key), with as many queries as keys. Got shape (2, 1, 1, 3)."),
    ("pattern of one position", lambda: pm.attention.previous_token_score(torch.ones(1, 1, 1, 1)), ValueError,
     "`pattern` must have at least two positions. Got one, which has no token before it. Feed longer sequences."),
    ("scores before the softmax", lambda: pm.attention.previous_token_score(-torch.eye(3)[None, None]), ValueError,
     "`pattern` must be at least 0 and add up to at most 1 over keys, the last axis. Got a weight of -1. "
     "Pass the output of the softmax, from a model in evaluation mode."),
    ("keys before queries",
     lambda: pm.attention.duplicate_token_score(torch.eye(3)[[0, 0, 1]].T[None, None], torch.tensor([[1, 1, 1]])),
     ValueError,
     "`pattern` must be at least 0 and add up to at most 1 over keys, the last axis. Got weights that add up to 2. "
     "Pass the output of the softmax, from a model in evaluation mode."),
    ("tokens of another length",
     lambda: pm.attention.prefix_matching_score(torch.eye(3)[None, None], torch.tensor([[1, 1]])), ValueError,
     "`tokens` must have one token per sequence and position of `pattern`: shape (1, 3). Got (1, 2)."),
    ("tokens that do not repeat",
     lambda: pm.attention.prefix_matching_score(torch.eye(3)[None, None], torch.tensor([[1, 2, 3]])), ValueError,
     "`tokens` must repeat: the mean is over queries whose token has occurred before. Got no token that occurs twice "
     "in a sequence. Feed random tokens that repeat."),
    ("values of a linear layer",
     lambda: pm.attention.copying_score(torch.ones(5, 4), torch.ones(2, 3, 4), torch.ones(2, 3, 4), torch.ones(4, 5)),
     ValueError,
     "`embed` must fit `value`, `out` and `unembed`: shapes (tokens, d_model), (heads, d_model, d_head), "
     "(heads, d_head, d_model) and (d_model, tokens). Got (5, 4), (2, 3, 4), (2, 3, 4), (4, 5). Transpose the weights "
     "of linear layers. Where heads share values, repeat these: value.repeat_interleave(…, dim=0)."),
    ("losses already averaged", lambda: pm.attention.in_context_score(torch.ones(600)), ValueError,
     "`losses` must have axes (batch, position). Got shape (600,). Do not average them."),
    ("a context too short", lambda: pm.attention.in_context_score(torch.ones(2, 256)), ValueError,
     "`losses` must have more than 500 positions, which is `late`. Got 256. Pass early=25, late=255, or feed longer "
     "sequences."),
    ("late before early", lambda: pm.attention.in_context_score(torch.ones(2, 256), early=9, late=9), ValueError,
     "`late` must be at least 10. Got 9."),
    ("an infinite loss", lambda: pm.attention.in_context_score(torch.tensor([[0, 1, torch.inf]]), 1, 2), ValueError,
     "`losses` must be finite. Got 1 non-finite of 2 values, the first (inf) at (batch, position) (0, 2)."),
    # Losses of a model
    ("gradient of a function", lambda: pm.gradients.cosine(square, square, torch.sin), TypeError,
     "`model` must be a torch.nn.Module. Got builtin_function_or_method."),
    ("loss that is a number", lambda: pm.gradients.cosine(square, 1.0, EMBEDDING), TypeError,
     "`second` must be callable. Got float."),
    ("loss that returns a number", lambda: pm.gradients.cosine(lambda model: square(model).item(), square, EMBEDDING),
     TypeError, "`first` must return a tensor. Got float. Return the tensor, not its .item()."),
    ("a loss for each input", lambda: pm.curvature.hessian_trace(lambda model: model.weight.sum(1), EMBEDDING),
     ValueError, "`loss` must return one number. Got shape (5,). Take the mean of the losses: .mean()."),
    ("a complex loss", lambda: pm.curvature.hessian_trace(lambda model: square(model) * 1j, EMBEDDING), TypeError,
     "`loss` must return a real number. Got torch.complex64."),
    ("a loss without gradients",
     lambda: pm.curvature.largest_eigenvalue(torch.no_grad()(lambda model: square(model)), EMBEDDING), ValueError,
     "`loss` must return a number with a graph. Got one without. It must not use torch.no_grad(), .detach() or "
     ".item(), and has to compute with the model that it is given."),
    ("a loss of nan", lambda: pm.curvature.hessian_trace(lambda model: square(model) * torch.nan, EMBEDDING),
     ValueError, "`loss` must return a finite number. Got nan."),
    ("an infinite gradient", lambda: pm.gradients.cosine(square, lambda model: (0 * square(model)).sqrt(), EMBEDDING),
     ValueError, "`gradients of second` must be finite. Got 15 non-finite of 15 values, the first (nan) at index "
     "(0, 0)."),
    ("a loss of another model", lambda: pm.gradients.cosine(square, lambda _: square(nn.Embedding(2, 2)), EMBEDDING),
     ValueError, "`second` must depend on the parameters of the model that it is given. Got one that depends on none "
     "of the 1 that require a gradient. Compute it with the function's argument."),
    ("a frozen model", lambda: pm.gradients.cosine(square, square, nn.Linear(2, 1).requires_grad_(False)), ValueError,
     "`model` must have a parameter that requires a gradient. Got none of 2. Pass model.requires_grad_(), or a copy of "
     "it where the model is to stay frozen."),
    ("a model of inference", lambda: pm.gradients.cosine(square, square, of_inference()), ValueError,
     "`model` must be made outside of torch.inference_mode(). Got 'weight', which was made inside. Make or load the "
     "model outside."),
    ("steps of half precision",
     lambda: pm.gradients.commutator_defect(square, square, nn.Linear(2, 1).bfloat16(), lr=0.1), TypeError,
     "`model` must have parameters of 32 or 64 bits: a small step would be rounded away. Got torch.bfloat16. "
     "Measure a copy, with inputs in float32 where they are not tokens: "
     "copy.deepcopy(model).float()."),
    ("curvature of half precision", lambda: pm.curvature.largest_eigenvalue(square, nn.Linear(2, 1).half()), TypeError,
     "`model` must have parameters of 32 or 64 bits: differences of rounded gradients say little of curvature. "
     "Got torch.float16. Measure a copy, with inputs in float32 where they are not tokens: "
     "copy.deepcopy(model).float()."),
    ("a step of nothing", lambda: pm.gradients.commutator_defect(square, square, EMBEDDING, lr=0), ValueError,
     "`lr` must be a finite number above 0. Got 0."),
    ("noise of one batch", lambda: pm.gradients.noise_scale([square], EMBEDDING), ValueError,
     "`losses` must be at least two, each of a batch of its own. Got 1."),
    ("noise of a function", lambda: pm.gradients.noise_scale(square, EMBEDDING), TypeError,
     "`losses` must be a list of functions, each of a batch of its own. Got function."),
    ("noise of numbers", lambda: pm.gradients.noise_scale([square, 3], EMBEDDING), TypeError,
     "`losses[1]` must be callable. Got int."),
    ("trace of no vectors", lambda: pm.curvature.hessian_trace(square, EMBEDDING, samples=0), ValueError,
     "`samples` must be at least 1. Got 0."),
    ("a seed of text", lambda: pm.curvature.largest_eigenvalue(square, EMBEDDING, seed="0"), TypeError,
     "`seed` must be an integer. Got '0' (str)."),
    # Circuits and models with a planted one
    ("frequencies of a group that is not cyclic",
     lambda: pm.concentration.fourier_coefficient_ratio(torch.ones(5), operation()),
     ValueError, "`op` must be cyclic: only then has a frequency a cosine and a sine. "
     "Got Operation(mine, n=5, frequencies=2)."),
    ("density of a group that is not cyclic",
     lambda: pm.concentration.fourier_frequency_density(torch.ones(5), operation()),
     ValueError, "`op` must be cyclic: only then has a frequency a cosine and a sine. "
     "Got Operation(mine, n=5, frequencies=2)."),
    ("density above everything",
     lambda: pm.concentration.fourier_frequency_density(torch.ones(5), OP, threshold=1), ValueError,
     "`threshold` must be at least 0 and below 1. Got 1."),
    ("participation of no exponent",
     lambda: pm.concentration.inverse_participation_ratio(torch.ones(5), OP, exponent=1), ValueError,
     "`exponent` must be a finite number above 1. Got 1."),
    ("participation of another axis",
     lambda: pm.concentration.inverse_participation_ratio(torch.ones(5, 3), OP, 1), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 1. Got 3. Axis 0 has 5: pass dim=0."),
    ("weights stored as (d_model, vocabulary)", lambda: pm.spectrum(torch.ones(16, 6), OP), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 0. Got 16. "
     "Axis 1 has 6: pass x.index_select(1, op.elements) with dim=1."),
    ("weights stored so, with special tokens", lambda: pm.spectrum(torch.ones(16, 9), OP), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 0. Got 16. "
     "Axis 1 has 9: pass x.index_select(1, op.elements) with dim=1."),
    ("special tokens, and as many features", lambda: pm.spectrum(torch.ones(7, 8), OP), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 0. Got 7. "
     "If axis 0 has the tokens, pass x.index_select(0, op.elements). "
     "If axis 1 has the tokens, pass x.index_select(1, op.elements) with dim=1."),
    ("a separator, and as many features as elements", lambda: pm.spectrum(torch.ones(6, 5), OP), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 0. Got 6. "
     "If axis 0 has the tokens, pass x.index_select(0, op.elements). If axis 1 has the tokens, pass dim=1."),
    ("columns of one-hot tokens", lambda: pm.spectrum(torch.ones(64, 10), OP, 1), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 1. Got 10. "
     "If axis 0 has the tokens, pass x.index_select(0, op.elements) with dim=0. "
     "If axis 1 has one-hot tokens, pass x.index_select(1, op.elements) for the first operand."),
    ("columns of one-hot elements", lambda: pm.spectrum(torch.ones(8, 20), pm.multiplication(11)), ValueError,
     "`x` must have one entry per element of the operation (10) along axis 0. Got 8. "
     "If axis 1 has one-hot tokens, pass one operand's, one per element, with dim=1."),
    ("too few for any element", lambda: pm.spectrum(torch.ones(4, 3), OP), ValueError,
     "`x` must have one entry per element of the operation (5) along axis 0. Got 4."),
    ("path that is none", lambda: pm.weight(5), TypeError,
     "`path` must be the dotted path of weights. Got 5 (int)."),
    ("axis by name", lambda: pm.weight("W_E", dim="vocabulary"), TypeError,
     "`dim` must be an integer. Got 'vocabulary' (str)."),
    ("weights with tokens along axis 1", lambda: sizes_of(16, 6, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. Got shape (16, 6). "
     "Axis 1 has 6: pass pm.weight('W', dim=1)."),
    ("weights with tokens along either axis", lambda: sizes_of(6, 5, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. Got shape (6, 5). "
     "If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has the tokens, pass pm.weight('W', dim=1)."),
    ("weights with special tokens and as many features", lambda: sizes_of(6, 7, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. Got shape (6, 7). "
     "If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has the tokens, pass pm.weight('W', dim=1)."),
    *((f"one-hot tokens and {hidden} neurons", partial(sizes_of, hidden, 10, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. "
     f"Got shape ({hidden}, 10). If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has one-hot tokens, "
     "pass pm.weight('W', dim=1) for the first operand, and a function of the model for another.")
     for hidden in (5, 6, 64)),
    ("one-hot tokens with a separator", lambda: sizes_of(6, 18, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. "
     "Got shape (6, 18). If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has one-hot tokens, "
     "pass pm.weight('W', dim=1) for the first operand, and a function of the model for another."),
    ("one-hot tokens of the elements alone", lambda: sizes_of(128, 20, "W", op=pm.multiplication(11)), ValueError,
     "`W` must have the tokens up to 10, or the vocabulary, along axis 0 and no other. "
     "Got shape (128, 20). If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has one-hot tokens, "
     "give a function of the model that returns one operand's rows, one per element."),
    ("weights with tokens along neither axis", lambda: sizes_of(16, 32, "W"), ValueError,
     "`W` must have the 5 elements, or the vocabulary, along axis 0 and no other. Got shape (16, 32). "
     "If axis 0 has the tokens, pass pm.weight('W', dim=0). If axis 1 has the tokens, pass pm.weight('W', dim=1)."),
    ("too few tokens along the axis", lambda: sizes_of(3, 6, pm.weight("W")), ValueError,
     "`W` must have at least 5 entries along axis 0, one per token of the operation. Got shape (3, 6)."),
    ("neurons of other inputs", lambda: pm.spectra.answer_spectrum(torch.ones(24, 3), OP), ValueError,
     "`values` must have one entry per input of the operation, shape (5, 5) or (25,), and perhaps one axis more. "
     "Got (24, 3)."),
    ("no activations", lambda: pm.sparsity.activation_sparsity(torch.ones(0, 3)), ValueError,
     "`activations` must have at least one value. Got shape (0, 3)."),
    ("no threshold", lambda: pm.sparsity.activation_sparsity(torch.ones(3), threshold=torch.nan), ValueError,
     "`threshold` must be finite. Got nan."),
    ("entropy of the largest weights",
     lambda: pm.sparsity.absolute_weight_entropy(torch.full((3,), 1e308, dtype=torch.float64)), ValueError,
     "`x` must be so small that the sum of its logarithms is finite. Got 1e+308."),
    ("entropy of the largest weights with a graph",
     lambda: pm.sparsity.absolute_weight_entropy(torch.full((3,), 1e308, dtype=torch.float64, requires_grad=True)),
     ValueError, "`x` must be so small that the sum of its logarithms is finite. Got 1e+308."),
    ("neurons on the grid", lambda: neurons(activations=torch.ones(2, 2, 3)), ValueError,
     "`activations` must have one row per input: shape (N, m). Got (2, 2, 3)."),
    ("readout on its side", lambda: neurons(readout=torch.ones(3, 2)), ValueError,
     "`readout` must have one column per neuron: shape (n, 3). Got (3, 2). Pass its transpose."),
    ("readout of one output", lambda: neurons(readout=torch.ones(1, 3)), ValueError,
     "`readout` must have one row per answer, at least 2. Got 1. If the sign of one output is the answer, pass "
     "torch.cat([-readout, readout]), and answers of 0 and 1."),
    ("importance of weights", lambda: neurons(importance=torch.ones(3, 5)), ValueError,
     "`importance` must have one number per neuron: shape (3,). Got (3, 5)."),
    ("answers of others", lambda: neurons(answers=torch.zeros(5, dtype=torch.long)), ValueError,
     "`answers` must have one entry per input: shape (4,). Got (5,)."),
    ("answers without a row", lambda: neurons(answers=torch.tensor([0, 1, 2, 0])), ValueError,
     "`answers` must be rows of `readout`, in 0..1. Got 0 to 2."),
    ("rest of others", lambda: neurons(rest=torch.ones(3)), ValueError,
     "`rest` must have the logits' shape, (4, 2) or (2,). Got (3,)."),
    ("margin by two norms", lambda: pm.losses.normalized_margin(LOGITS, OP, torch.ones(2), homogeneity=2), ValueError,
     "`norm` must be one number. Got shape (2,)."),
    ("margin by what is too large",
     lambda: pm.losses.normalized_margin(LOGITS, OP, 1e200, homogeneity=2), ValueError,
     "`norm` must have a power that float64 can hold. Got 1e+200 to the power 2."),
    ("margin by nothing", lambda: pm.losses.normalized_margin(LOGITS, OP, 0.0, homogeneity=2), ValueError,
     "`norm` must be above 0. Got 0."),
    ("homogeneity of nothing", lambda: pm.losses.normalized_margin(LOGITS, OP, 1, homogeneity=0), ValueError,
     "`homogeneity` must be a finite number above 0. Got 0."),
    ("margin of one answer",
     lambda: pm.losses.normalized_margin(torch.ones(1, 1, 1), pm.addition(1), 1, homogeneity=2), ValueError,
     "`op` must have at least two answers. Got Operation(addition, n=1, frequencies=0)."),
    ("embedding of two numbers", lambda: pm.fits.parallelogram_quality(torch.ones(2, 5)), ValueError,
     "`x` must have one row per number, at least 3: shape (n, d). Got (2, 5)."),
    ("sums of other numbers", lambda: pm.fits.parallelogram_quality(torch.ones(4, 2), OP.table), ValueError,
     "`answers` must have one entry per pair of rows of `x`: (4, 4). Got (5, 5)."),
    ("differences for sums", lambda: pm.fits.parallelogram_quality(torch.ones(5, 2), pm.subtraction(5).table),
     ValueError, "`answers` must be symmetric, as a sum is. Got 4 at (0, 1) and 1 at (1, 0)."),
    ("no equal sums", lambda: pm.fits.parallelogram_quality(torch.rand(3, 2), 2 ** torch.eye(3, dtype=torch.long) + 9 *
     (torch.arange(3)[:, None] + 2 * torch.arange(3)[:, None] * torch.arange(3) + torch.arange(3))), ValueError,
     "`answers` must be equal for two pairs of numbers. Got none among 3 numbers."),
    ("subgroup of others", lambda: pm.concentration.coset_concentration(torch.ones(5), OP, [5]), ValueError,
     "`subgroup` must be members of `op.elements`. Got 5."),
    ("subgroup of nothing", lambda: pm.concentration.coset_concentration(torch.ones(5), OP, []), ValueError,
     "`subgroup` must have at least one element. Got none. Pass at least the identity."),
    ("side of a coset", lambda: pm.concentration.coset_concentration(torch.ones(5), OP, [0], side="both"), ValueError,
     "`side` must be one of 'left', 'right'. Got 'both'."),
    ("cosets without a group",
     lambda: pm.concentration.coset_concentration(torch.ones(5), pm.operation(lambda a, b: a * b % 5, 5, 5), [2]),
     ValueError,
     "`op` must be composition in a group, whose cosets partition the elements. "
     f"Got {pm.operation(lambda a, b: a * b % 5, 5, 5)!r}."),
    ("step of nothing", lambda: pm.compression.compressed_size({"w": torch.ones(2)}, step=0.0), ValueError,
     "`step` must be a finite number above 0. Got 0.0."),
    ("steps beyond 4 bytes", lambda: pm.compression.compressed_size({"w": torch.ones(2)}, step=1e-12), ValueError,
     "`step` must leave integers of at most 4 bytes. Got 1e-12, where 'w' has 1e+12 steps. Pass at least 4.9e-10."),
    ("loss for a function", lambda: pm.compression.coarsest_step(EMBEDDING, 0.5, tolerance=0.1), TypeError,
     "`loss` must be callable. Got float."),
    ("loss of each input", lambda: pm.compression.coarsest_step(EMBEDDING, lambda m: m.weight, tolerance=0.1),
     TypeError, "`loss` must return one number. Got Parameter of shape (5, 3)."),
    ("loss that is not finite", lambda: pm.compression.coarsest_step(EMBEDDING, lambda _: torch.nan, tolerance=0.1),
     ValueError, "`loss` must be finite before any rounding. Got nan."),
    ("loss that changes", lambda: pm.compression.coarsest_step(ONES, iter_of(range(99)), tolerance=0.1),
     ValueError, "`loss` must be within the tolerance of 0.1 for some step. Got none down to 3.46945e-18. "
     "It must not change from call to call: use no random numbers in it, or a fixed seed."),
    ("rank of a vector", lambda: pm.effective_rank(torch.ones(3)), ValueError,
     "`matrix` must have rows and columns: shape (…, rows, columns). Got (3,)."),
    ("rank of nothing", lambda: pm.effective_rank(torch.ones(3, 0)), ValueError,
     "`matrix` must have rows and columns: shape (…, rows, columns). Got (3, 0)."),
    ("norms at no depth", lambda: pm.parameter_norms(model(), depth=0), ValueError,
     "`depth` must be at least 1. Got 0."),
    ("norms of a tensor", lambda: pm.parameter_norms(torch.ones(3)), TypeError,
     "`model` must be a torch.nn.Module or a state dict. Got Tensor."),
    ("distance in a loop", lambda: pm.circuits.distance_irrelevance(LOGITS, operation(table=LATIN)), ValueError,
     "`op` must have answers that depend only on a + b or only on a - b, for indices modulo n: otherwise pairs have no "
     "distance. Got Operation(mine, n=5, frequencies=2)."),
    ("circularity of other elements", lambda: pm.circuits.circularity(torch.ones(6, 3), OP), ValueError,
     "`embedding` must have one entry per element of the operation (5) along axis 0. Got 6. "
     "Select them first: embedding.index_select(0, op.elements)."),
    ("circularity of no component", lambda: pm.circuits.circularity(torch.ones(5, 3), OP, components=0), ValueError,
     "`components` must be at least 1. Got 0."),
    ("clock of no frequency", lambda: pm.circuits.Clock(OP, {}), ValueError,
     "`amplitudes` must name at least one frequency. Got an empty mapping."),
    ("clock of frequencies alone", lambda: pm.circuits.Clock(OP, [1, 2]), TypeError,
     "`amplitudes` must be a mapping from frequencies to numbers. Got list."),
    ("pizza of another frequency", lambda: pm.circuits.Pizza(OP, {3: 1.0}), ValueError,
     "`frequencies` must lie in 1..2 for n=5. Got 3. Frequencies k and n-k are the same: pass 2."),
    ("pizza of nothing", lambda: pm.circuits.Pizza(OP, {1: 0.0}), ValueError,
     "`amplitudes[1]` must be a finite number above 0. Got 0.0."),
    ("clock without waves", lambda: pm.circuits.Clock(operation(), {1: 1.0}), ValueError,
     "`op` must be cyclic: only then has a frequency a cosine and a sine. Got Operation(mine, n=5, frequencies=2)."),
    # Gradients
    ("gradients of no function", lambda: symmetricity(LOGITS, OP, EMBEDDING), TypeError,
     "`predict` must be callable. Got Tensor."),
    ("embedding by name", lambda: symmetricity(embedded(), OP, "embed"), TypeError,
     "`embedding` must be a torch.nn.Module. Got str."),
    ("compiled embedding",
     lambda: symmetricity(embedded(), OP, torch.compile(nn.Embedding(5, 3), backend="eager")), TypeError,
     "`embedding` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
     "Pass the module as it was before torch.compile."),
    ("compiled model",
     lambda: symmetricity(torch.compile(compiled_in_place(), backend="eager"), OP, EMBEDDING), TypeError,
     "`predict` must not be compiled, because compiled code may leave out hooks. Got a compiled module. "
     "Pass the module as it was before torch.compile."),
    ("one position", lambda: symmetricity(embedded(), OP, EMBEDDING, positions=0), TypeError,
     "`positions` must be two integers. Got 0."),
    ("the same position twice", lambda: symmetricity(embedded(), OP, EMBEDDING, positions=(1, 1)),
     ValueError, "`positions` must be distinct. Got 1 twice."),
    ("position from the end", lambda: symmetricity(embedded(), OP, EMBEDDING, positions=(0, -1)),
     ValueError, "`positions` must be at least 0. Got -1."),
    ("position beyond",
     lambda: symmetricity(embedded(), OP, EMBEDDING, positions=(0, 2)), ValueError,
     "`embedding` must return axes (pair, position, feature) with positions 0 and 2. Got shape (1000, 2, 3)."),
    ("no samples", lambda: symmetricity(embedded(), OP, EMBEDDING, samples=0), ValueError,
     "`samples` must be at least 1. Got 0."),
    ("negative seed", lambda: symmetricity(embedded(), OP, EMBEDDING, seed=-1), ValueError,
     "`seed` must be at least 0. Got -1."),
    ("no batch", lambda: symmetricity(embedded(), OP, EMBEDDING, batch_size=0), ValueError,
     "`batch_size` must be at least 1. Got 0."),
    ("another embedding", lambda: symmetricity(embedded(), OP, nn.Embedding(5, 3)), RuntimeError,
     "`embedding` must be called by `predict`. It was not. Pass the module that `predict` calls."),
    ("embedding of one input",
     lambda: symmetricity(embedded(lambda ab: EMBEDDING(ab[:, 0])), OP, EMBEDDING), ValueError,
     "`embedding` must return axes (pair, position, feature) with positions 0 and 1. Got shape (1000, 3)."),
    ("embedding of all at once",
     lambda: symmetricity(embedded(lambda ab: EMBEDDING(ab.flatten())), OP, EMBEDDING), ValueError,
     "`embedding` must return one row per pair (1000). Got shape (2000, 3)."),
    ("embedding called three times",
     lambda: symmetricity(embedded(lambda ab: sum(EMBEDDING(ab) for _ in "abc")), OP, EMBEDDING),
     ValueError, "`embedding` must be called once for both inputs, or once for each. Got 3 calls. "
     "Pass a module that is called only for a and b."),
    ("inputs of two shapes",
     lambda: symmetricity(embedded(lambda ab: EMBEDDING(ab) + EMBEDDING(ab[:, :1])), OP, EMBEDDING),
     ValueError, "`embedding` must return the same shape for both inputs. Got (1000, 2, 3) and (1000, 1, 3)."),
    ("embedding of integers", lambda: gradients_of(nn.Identity()), TypeError,
     "`embedding` must return a real floating-point tensor. Got torch.int64."),
    ("embedding of a pair of tensors", lambda: gradients_of(nn.LSTM(3, 3), torch.ones(4, 3)), TypeError,
     "`embedding` must return a real floating-point tensor. Got tuple."),
    ("logits of too few elements",
     lambda: symmetricity(lambda ab: EMBEDDING(ab)[:, 0], OP, EMBEDDING,
                                                                    samples=1), ValueError,
     "`predict` must return a logit for every token of the operation, at least 5 columns. Got 3."),
    ("graph cut off",
     lambda: symmetricity(embedded(lambda ab: EMBEDDING(ab).detach()), OP, EMBEDDING),
     ValueError, "`predict` must return logits that are differentiable with respect to the output of `embedding`. "
     "Got logits without a graph. Leave out torch.no_grad and detach."),
    ("gradient of a root of zero",
     lambda: symmetricity(embedded(lambda ab: (0 * EMBEDDING(ab)).sqrt()), OP, EMBEDDING, samples=1),
     ValueError, "`gradients` must be finite. Got 3 non-finite of 3 values, the first (nan) at (triple, …) (0, 0)."),
]
# fmt: on


@pytest.mark.parametrize(("mistake", "error", "message"), [pytest.param(*rest, id=name) for name, *rest in MISTAKES])
def test_mistake_is_met_with(mistake, error, message, tmp_path, monkeypatch):
    assert_met_with(mistake, error, message, tmp_path, monkeypatch, OP, LOGITS, ALL, LATIN, EMBEDDING, RUN)
