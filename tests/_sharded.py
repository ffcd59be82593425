"""What each of two processes does with its shard of a model; both processes import this file."""

import copy
import functools
import os

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

import progress_measures as pm

OP = pm.addition(4)


def answer(rank, folder):
    """Writes what each measure of a sharded model answers, by name, and what the model's weights are."""
    os.environ["MASTER_ADDR"] = "127.0.0.1"  # of the mesh, which asks for it even where a file is the meeting point
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(4, 3), nn.Flatten(), nn.Linear(6, 4))
    found = {"whole": pm.sum_squared_weights(model).detach()} | of_tensors(copy.deepcopy(model)) | of_wrapper(model)
    found |= trained(model)
    torch.save(found, f"{folder}/{rank}.pt")
    torch.distributed.barrier()  # neither leaves while the other still waits for it
    os._exit(0)  # at once: an ordinary end now and then aborts, because a thread of the process group still runs


def of_tensors(model):
    model = fully_shard(model, mesh=init_device_mesh("cpu", (2,)))
    state = {name: x.full_tensor() if hasattr(x, "full_tensor") else x for name, x in model.named_parameters()}
    path = pm.weight("0.weight")
    whole = model.get_parameter("0.weight").full_tensor()
    return {
        "tensors": message(lambda: pm.sum_squared_weights(model)),
        "norms": message(lambda: pm.parameter_norms(model)),
        "state": message(lambda: pm.sum_squared_weights(model.state_dict())),
        "path": message(lambda: path.rows(model, OP, "W_E")),
        "one": message(lambda: pm.spectrum(model[0].weight, OP)),
        "remedy": pm.sum_squared_weights(state).detach(),
        "remedy of one": bool(pm.spectrum(whole, OP).isfinite().all()),
    }


def of_wrapper(model):
    found, cpu = {}, torch.device("cpu")
    for original in (False, True):
        wrapped = FullyShardedDataParallel(copy.deepcopy(model), device_id=cpu, use_orig_params=original)
        found[f"wrapper {original}"] = message(functools.partial(pm.sum_squared_weights, wrapped))
        with FullyShardedDataParallel.summon_full_params(wrapped, writeback=False):
            found[f"summoned {original}"] = pm.sum_squared_weights(wrapped).detach()
    return found


def losses(wrap, model, recorder):
    """The losses of a sharded model that is measured during training."""
    model = wrap(copy.deepcopy(model))
    optimizer, found = torch.optim.SGD(model.parameters(), lr=0.1), []
    for step in range(3):
        recorder(step, model)
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(OP.inputs), OP.table.flatten())
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found


def trained(model):
    """By wrapper the losses of a run that is not measured, and of one that is."""
    cpu, mesh = torch.device("cpu"), init_device_mesh("cpu", (2,))
    wraps = {
        "tensors": lambda model: fully_shard(model, mesh=mesh),
        "flat": lambda model: FullyShardedDataParallel(model, device_id=cpu),
        "original": lambda model: FullyShardedDataParallel(model, device_id=cpu, use_orig_params=True),
    }
    recorder = {name: pm.Recorder({"x": lambda model: pm.grid_logits(model, OP).sum()}, every=1) for name in wraps}
    return {
        f"trained {name}": [losses(wrap, model, lambda *_: {}), losses(wrap, model, recorder[name])]
        for name, wrap in wraps.items()
    }


def message(function):
    """The type and the text of the error, or what was returned instead."""
    try:
        return repr(function())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
