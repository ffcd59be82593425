"""Calls with one input each and no batch have no axis along which their activations could be joined."""

import pytest
import torch
from torch import nn

import progress_measures as pm

ENCODER = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
LAYERS = {
    "an encoder": (ENCODER, "linear1", (5, 16)),
    "a head": (ENCODER, pm.ablation.heads(ENCODER)["layer 0 head 1"], (5, 4)),
    "an LSTM": (nn.LSTM(8, 4), pm.output_of("", 0), (5, 4)),
    "a convolution": (nn.Conv1d(5, 3, 1), "", (3, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_calls_with_one_input_each_are_joined_only_along_an_axis_that_is_named(name):
    layer, site, shape = LAYERS[name]
    x = torch.randn(5, 8)
    with pm.captured(layer, site) as activations:
        layer(x)
        assert activations[site].shape == shape  # of a single call nothing is joined
        layer(x)
    with pytest.raises(ValueError, match=r"which a layer of PyTorch takes as one input without a batch") as caught:
        activations[site]
    assert f"Got shape {shape}" in str(caught.value)
    with pm.captured(layer, site, dim=0) as activations:
        layer(x), layer(x)
    assert activations[site].shape == (2 * shape[0], shape[1])


def test_data_of_packed_sequences_with_one_position_are_joined():
    layer = nn.LSTM(8, 4)
    packed = nn.utils.rnn.pack_sequence([torch.randn(1, 8)] * 3)
    with pm.captured(layer, pm.output_of("", 0, "data")) as activations:
        layer(packed), layer(packed)
    assert activations[pm.output_of("", 0, "data")].shape == (6, 4)
