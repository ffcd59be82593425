"""The possible traces of measuring: the state of a process and of models, to compare before and after."""

import locale
import os
import random
import signal
import threading
import types
import warnings
from contextlib import contextmanager

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.modules import module as module_of_torch

DEVICES = ("cpu", "cuda", "mps")


@contextmanager
def traceless(*models):
    """Checks that the process and the models are the same afterwards, whatever was raised."""
    before = state(*models)
    try:
        yield
    finally:
        assert_same_state(state(*models), before)


def assert_same_state(after, before):
    changed = [name for name in before | after if before.get(name) != after.get(name)]
    shown = [f"{name}: {before.get(name)!r:.300} became {after.get(name)!r:.300}" for name in changed]
    assert not shown, "left behind: " + "; ".join(shown)


def state(*models):
    """Everything global, and of each submodule its mode, its hooks and the names of its attributes."""
    found = _of_process() | _of_torch() | _of_backends()
    for number, model in enumerate(models):
        for path, module in model.named_modules(remove_duplicate=False):
            found[f"model {number}, mode of {path!r}"] = module.training
            found[f"model {number}, hooks of {path!r}"] = hooks_of(module)
            found[f"model {number}, attributes of {path!r}"] = (type(module), sorted(vars(module)))
    return found


def count_hooks(model):
    """The number of hooks on inputs and outputs of a model and its submodules."""
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


def hooks_of(module):
    """All hooks of a module, by the dictionary in which ``torch.nn.Module`` keeps them."""
    return {name: [*hooks.items()] for name, hooks in vars(module).items() if "hooks" in name and hooks}


def _of_process():
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 (the global state is what is looked at)
    return {
        "random state of Python": random.getstate(),
        "random state of NumPy": (kind, keys.tobytes(), *rest),
        "NumPy's errors": np.geterr(),
        "NumPy's print options": repr(np.get_printoptions()),
        "warnings' filters": [*warnings.filters],
        "warnings' functions": (warnings.showwarning, warnings.simplefilter),
        "matplotlib's parameters": dict(mpl.rcParams),
        "matplotlib's backend": mpl.get_backend(),
        "open figures": plt.get_fignums(),
        "working folder": os.getcwd(),  # noqa: PTH109 (a string, as the system has it)
        "environment": dict(os.environ),
        "locale": locale.setlocale(locale.LC_ALL),
        "handler of interrupts": signal.getsignal(signal.SIGINT),
        "threads": {thread.ident for thread in threading.enumerate()},
    }


def _of_torch():
    on = torch.is_autocast_enabled
    return {
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "anomaly mode": (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        "multithreading of autograd": torch._C._is_multithreading_enabled(),
        "random state of torch": torch.get_rng_state().numpy().tobytes(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "number of threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "autocast": {device: (on(device), torch.get_autocast_dtype(device)) for device in DEVICES},
        "autocast's cache": torch.is_autocast_cache_enabled(),
        "determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        ),
        "print options": repr(torch._tensor_str.PRINT_OPTS),
        "hooks of all modules": {
            name: [*hooks.items()]
            for name, hooks in vars(module_of_torch).items()
            if name.startswith("_global_") and isinstance(hooks, dict)
        },
        "hooks of saved tensors": torch._C._autograd._top_saved_tensors_default_hooks(True),
        "modes of functions and of dispatch": (
            torch._C._len_torch_function_stack(),
            torch._C._len_torch_dispatch_stack(),
        ),
    }


def _of_backends():
    """Every plain setting below ``torch.backends``."""
    found = {"precision of float32 products": torch.get_float32_matmul_precision()}
    for name, backend in vars(torch.backends).items():
        if isinstance(backend, types.ModuleType):
            for key in {*vars(backend), *vars(type(backend))}:  # some are modules with properties
                setting = None if key.startswith("__") else getattr(backend, key, None)
                if isinstance(setting, bool | int | float | str):
                    found[f"torch.backends.{name}.{key}"] = setting
    matmul = torch.backends.cuda.matmul
    for name in ("allow_tf32", "allow_fp16_reduced_precision_reduction", "allow_bf16_reduced_precision_reduction"):
        found[f"torch.backends.cuda.matmul.{name}"] = getattr(matmul, name)
    return found
