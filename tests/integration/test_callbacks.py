"""The callbacks, in the trainers that they are for."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import progress_measures as pm
from tests._planted import random_mask

OP, TRAIN = pm.addition(7), random_mask(7)
PAIRS, ANSWERS = OP.inputs[TRAIN.flatten()], OP.table[TRAIN]


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(7, 8), nn.Linear(8, 7)

    def forward(self, pairs):
        return self.out(self.embed(pairs).prod(1))


def by_hand(steps, every):
    """The trajectory of full-batch training in a plain loop."""
    recorder = pm.Recorder(measure("embed.weight"), every=every)
    model = Network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    recorder(0, model)
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        F.cross_entropy(model(PAIRS), ANSWERS).backward()
        optimizer.step()
        recorder(step, model)
    recorder.record(steps, model)
    return recorder.trajectory


def measure(path, predict=None):
    return pm.grokking_measures(predict, OP, [1], TRAIN, weights={"W_E": path})


def assert_same(found, expected):
    assert found.steps.tolist() == expected.steps.tolist()
    for name, values in expected.columns.items():
        torch.testing.assert_close(found[name], values, rtol=1e-5, atol=1e-7, msg=lambda text, name=name: name + text)


@pytest.fixture(autouse=True)
def seeded():
    states = random.getstate(), np.random.get_state()  # noqa: NPY002 (the global state is what is looked at)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    random.setstate(states[0])
    np.random.set_state(states[1])  # noqa: NPY002 (the global state is what is looked at)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("every", [10, 5], ids=["last step alone", "last step due"])
@pytest.mark.parametrize("batches", [1, 2], ids=["one batch a step", "two batches a step"])
def test_lightning(tmp_path, batches, every):
    lightning = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    from progress_measures.callbacks.lightning import RecorderCallback

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Network()

        def forward(self, pairs):
            return self.net(pairs)

        def training_step(self, batch, _):
            assert self.net.training
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.5)

    torch.manual_seed(3)
    expected = by_hand(25, every)
    calls = []
    usual = measure("net.embed.weight")
    recorder = pm.Recorder(lambda model: (calls.append(model), usual(model))[1], every=every)
    data = torch.utils.data.TensorDataset(PAIRS.repeat(batches, 1), ANSWERS.repeat(batches))
    logger = CSVLogger(tmp_path)
    trainer = lightning.Trainer(
        max_steps=25, max_epochs=-1, accelerator="cpu", callbacks=[RecorderCallback(recorder)], logger=logger,
        accumulate_grad_batches=batches, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=tmp_path,
    )  # fmt: skip
    torch.manual_seed(3)
    trainer.fit(Module(), torch.utils.data.DataLoader(data, batch_size=len(PAIRS)))
    assert_same(recorder.trajectory, expected)
    assert len(calls) == len(expected)  # a step once, however many batches it has, and the last one too
    logger.save()
    rows = (tmp_path / "lightning_logs" / "version_0" / "metrics.csv").read_text().splitlines()
    assert "test_loss" in rows[0]
    assert len(rows) == 1 + len(expected)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("every", [10, 5], ids=["last step alone", "last step due"])
def test_transformers(tmp_path, every):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from progress_measures.callbacks.transformers import RecorderCallback

    class Model(Network):
        def forward(self, pairs, labels=None):
            logits = super().forward(pairs)
            return {"logits": logits} if labels is None else {"loss": F.cross_entropy(logits, labels), "logits": logits}

    torch.manual_seed(3)
    expected = by_hand(25, every)
    logged = []
    recorder = pm.Recorder(measure("embed.weight", lambda model, pairs: model(pairs)["logits"]), every=every)
    torch.manual_seed(3)
    trainer = transformers.Trainer(
        model=(model := Model()),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path), max_steps=25, per_device_train_batch_size=len(PAIRS), use_cpu=True, report_to=[],
            save_strategy="no", disable_tqdm=True, lr_scheduler_type="constant", max_grad_norm=0.0,
        ),
        train_dataset=[{"pairs": pair, "labels": answer} for pair, answer in zip(PAIRS, ANSWERS, strict=True)],
        optimizers=(torch.optim.SGD(model.parameters(), lr=0.5), None),
        callbacks=[RecorderCallback(recorder, lambda numbers, step: logged.append((step, numbers)))],
    )  # fmt: skip
    trainer.train()
    assert_same(recorder.trajectory, expected)
    assert [step for step, _ in logged] == expected.steps.tolist()
    assert logged[-1][1]["test_loss"] == recorder.trajectory["test_loss"][-1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("stops", [25, 13], ids=["at the last step", "early"])
def test_transformers_best_model_is_not_taken_for_the_last_one(tmp_path, stops):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    from progress_measures.callbacks.transformers import RecorderCallback

    class Model(Network):
        def forward(self, pairs, labels):
            logits = super().forward(pairs)
            return {"loss": F.cross_entropy(logits, labels), "logits": logits}

    class Stop(transformers.TrainerCallback):
        def on_step_end(self, _, state, control, **__):
            control.should_training_stop = control.should_training_stop or state.global_step == stops

    data = [{"pairs": pair, "labels": answer} for pair, answer in zip(PAIRS, ANSWERS, strict=True)]
    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=10)
    weights = {}
    trainer = transformers.Trainer(
        model=(model := Model()),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path), max_steps=25, per_device_train_batch_size=len(PAIRS), use_cpu=True, report_to=[],
            save_strategy="steps", save_steps=5, eval_strategy="steps", eval_steps=5, load_best_model_at_end=True,
            metric_for_best_model="loss", greater_is_better=True,  # the worst of them: that of step 5
            disable_tqdm=True, lr_scheduler_type="constant", max_grad_norm=0.0,
        ),
        train_dataset=data, eval_dataset=data,
        optimizers=(torch.optim.SGD(model.parameters(), lr=0.5), None),
        callbacks=[Stop(), RecorderCallback(recorder)],
    )  # fmt: skip
    step = trainer.optimizer.step

    def stepped(*args, **kwargs):
        step(*args, **kwargs)
        weights[len(weights) + 1] = float(pm.sum_squared_weights(model))

    trainer.optimizer.step = stepped
    trainer.train()
    assert float(pm.sum_squared_weights(model)) == pytest.approx(weights[5])
    found = recorder.trajectory
    assert found.steps.tolist() == ([0, 10, 20, 25] if stops == 25 else [0, 10])
    assert found["weights"][1:].tolist() == [pytest.approx(weights[step]) for step in found.steps.tolist()[1:]]


PROCESSES = """
import sys, torch, lightning.pytorch as lightning, progress_measures as pm
from pathlib import Path
from progress_measures.callbacks.lightning import RecorderCallback

class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = torch.nn.Linear(3, 1)

    def training_step(self, batch, _):
        return self.net(batch[0]).square().mean()

    def validation_step(self, batch, _):
        pass

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

calls = []
def measure(model):
    calls.append(type(model).__name__)
    return {"weights": pm.sum_squared_weights(model)}

folder = Path(sys.argv[1])
recorder = pm.Recorder(measure, every=2)
data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.randn(40, 3)), batch_size=2)
trainer = lightning.Trainer(
    max_steps=5, accelerator="cpu", devices=2, strategy="ddp", callbacks=[RecorderCallback(recorder)], logger=False,
    accumulate_grad_batches=2, num_sanity_val_steps=2, enable_checkpointing=False, enable_progress_bar=False,
    enable_model_summary=False, default_root_dir=folder,
)
trainer.fit(Module(), data, data)
(folder / f"rank{trainer.global_rank}").write_text(f"{recorder.last_step} {' '.join(calls)}")
"""


def test_lightning_records_in_one_of_two_processes(tmp_path):
    pytest.importorskip("lightning.pytorch")
    script = tmp_path / "fit.py"
    script.write_text(PROCESSES)
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    # Steps 0, 2, 4 and the last, 5; none in the sanity check, none per batch.
    assert (tmp_path / "rank0").read_text().split() == ["5", *["Module"] * 4]
    assert (tmp_path / "rank1").read_text().split() == ["None"]
