"""Layers of PyTorch also take one input without a batch: a mean over its positions or channels is not over inputs."""

import pytest
import torch
from torch import nn

import progress_measures as pm
from tests._asserts import assert_raises

WIDTH = 8
ENCODER = nn.TransformerEncoderLayer(WIDTH, 2, 16, dropout=0.0, batch_first=True)
ATTENTION = nn.MultiheadAttention(WIDTH, 2, batch_first=True)


class Model(nn.Module):
    """A layer in a model; whatever else the layer returns is left out."""

    def __init__(self, layer, *, times=1):
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, x):
        output = self.layer(*[x] * self.times)
        return output[0] if isinstance(output, tuple) else output


def mean_at(site, model, x, part=None, **options):
    replacement = pm.mean_ablation(**options)
    with pm.ablated(model, site, replacement if part is None else pm.at(part, replacement)):
        return model(x)


LAYERS = {
    "an encoder": (Model(nn.TransformerEncoder(ENCODER, 1, enable_nested_tensor=False)), "layer", (5, WIDTH)),
    "inside an encoder": (Model(ENCODER), "layer.linear1", (5, 16)),
    "attention": (Model(ATTENTION, times=3), pm.output_of("layer", 0), (5, WIDTH)),
    "an LSTM": (Model(nn.LSTM(WIDTH, 4)), pm.output_of("layer", 0), (5, 4)),
    "the state of an LSTM": (Model(nn.LSTM(WIDTH, 4)), pm.output_of("layer", 1, 0), (1, 4)),
    "a convolution": (Model(nn.Conv1d(5, 3, 1)), "layer", (3, WIDTH)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_one_input_without_a_batch_is_refused(name):
    model, site, shape = LAYERS[name]
    x = torch.randn(5, WIDTH, generator=torch.Generator().manual_seed(0))
    message = (
        f"The activation of `mean_ablation` must have an axis of the batch. Got shape {shape}, which a layer of "
        "PyTorch takes as one input without a batch. Run the model on a batch, or pass `dim` if an axis has the inputs."
    )
    assert_raises(lambda: mean_at(site, model, x), ValueError, message)
    # The remedies: a batch, which an LSTM has along axis 1, and the axis.
    axis = 1 if isinstance(model.layer, nn.LSTM) else 0
    assert mean_at(site, model, x.unsqueeze(axis), dim=axis).shape == model(x.unsqueeze(axis)).shape
    assert mean_at(site, model, x, dim=0).shape == model(x).shape


def test_a_part_of_one_input_is_refused_too():
    x = torch.randn(5, WIDTH)
    for part in [(-1,), (..., slice(2)), (slice(2),)]:
        with pytest.raises(ValueError, match=r"Got shape \(.*\), which a layer of PyTorch takes as one input"):
            mean_at("layer", Model(ENCODER), x, part)


def test_other_activations_with_two_axes_have_a_batch():
    x = torch.randn(5, WIDTH)
    model = nn.Sequential(nn.Linear(WIDTH, 4), nn.BatchNorm1d(4), nn.ReLU())
    for site in "012":
        assert mean_at(site, model, x).shape == (5, 4)
    assert mean_at("layer", Model(nn.Conv1d(5, 3, 1)), x[None].expand(6, -1, -1)).shape == (6, 3, WIDTH)
