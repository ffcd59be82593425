"""Checkpoints on disk: one safetensors file per step, written whole or not at all."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from examples.files import write_bytes
from examples.modular_addition.model import Transformer


def path_of(folder: Path, step: int) -> Path:
    """The path of a step's checkpoint."""
    return folder / f"step_{step:06d}.safetensors"


def save(folder: Path, step: int, model: Transformer, *, dtype: torch.dtype = torch.float32) -> None:
    """Writes a model's weights, rounded to ``dtype``."""
    notes = {"step": str(step), "heads": str(model.blocks[0].attn.n_heads)}
    write(path_of(folder, step), {name: x.to(dtype) for name, x in model.state_dict().items()}, notes)


def load(path: Path) -> Transformer:
    """The model of a checkpoint, in float32 whatever the file's precision; the weights determine its sizes."""
    weights, notes = read(path)
    try:
        d_mlp, d_model = weights["blocks.0.mlp.hidden.weight"].shape
        n, heads = len(weights["embed.weight"]) - 1, int(notes["heads"])
        if heads < 1 or d_model % heads != 0:
            raise ValueError(f"{heads} heads for {d_model} dimensions")
        model = Transformer(n, d_model=d_model, heads=heads, d_mlp=d_mlp)
        model.load_state_dict({name: weight.float() for name, weight in weights.items()})
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        found = " ".join(str(error).split())  # PyTorch's has several lines
        raise ValueError(f"A checkpoint must hold the weights of this transformer. Got {path}: {found}.") from error
    return model.eval()


def steps(folder: Path) -> list[int]:
    """The steps that have a checkpoint in a folder, ascending."""
    return sorted(int(path.stem.removeprefix("step_")) for path in folder.glob("step_" + 6 * "[0-9]" + ".safetensors"))


def load_all(folder: Path) -> Iterator[tuple[int, Transformer]]:
    """Every checkpoint of a folder as (step, model), in order of steps, with one in memory at a time."""
    for step in steps(folder):
        yield step, load(path_of(folder, step))


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118 (no mapping)
    except SafetensorError as error:
        raise ValueError(f"A checkpoint must be a whole safetensors file. Got {path}: {error}.") from error


def write(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Writes a safetensors file."""
    write_bytes(path, to_bytes({name: x.contiguous() for name, x in tensors.items()}, metadata))
