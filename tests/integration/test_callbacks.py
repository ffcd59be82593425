"""The callbacks, in the trainers that they are for."""

import csv
import importlib
import random
import subprocess
import sys
import warnings
from types import SimpleNamespace

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


def lightning_fit(folder, callback, *, module=None, batches=4, **options):
    """A trainer, and its fit: ``module`` is one with a training step that counts its batches, if it is not given."""
    lightning = pytest.importorskip("lightning.pytorch")
    defaults = {"max_epochs": 2, "logger": False, "enable_checkpointing": False} | options
    path = defaults.pop("ckpt_path", None)
    callbacks = [*defaults.pop("callbacks", ()), callback]
    trainer = lightning.Trainer(
        accelerator="cpu", callbacks=callbacks, enable_progress_bar=False, enable_model_summary=False,
        default_root_dir=folder, **defaults,
    )  # fmt: skip
    data = torch.utils.data.TensorDataset(torch.ones(2 * batches, 3))
    trainer.fit(module or lightning_module(), torch.utils.data.DataLoader(data, batch_size=2), ckpt_path=path)
    return trainer


def lightning_module(optimizers=1, manual=False, fails_at=None, error=ValueError, logs="loss"):
    """A module whose weights shrink in each batch, by as many optimizers; its step fails in one of its batches."""
    lightning = pytest.importorskip("lightning.pytorch")

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.nets = nn.ModuleList(nn.Linear(3, 1) for _ in range(optimizers))
            self.automatic_optimization, self.batches = not manual, 0

        def training_step(self, batch, _):
            loss = sum(net(batch[0]).square().mean() for net in self.nets)
            self.log(logs, loss)
            if manual:
                self.zero_grad()
                self.manual_backward(loss)
            for optimizer in np.atleast_1d(self.optimizers()) if manual else ():
                optimizer.step()
            if self.batches == fails_at:
                raise error("this batch")
            self.batches += 1
            return loss

        def configure_optimizers(self):
            return [torch.optim.SGD(net.parameters(), lr=0.1) for net in self.nets]

    return Module()


def csv_rows(folder):
    (file,) = folder.rglob("metrics.csv")
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("optimizers", "accumulates"), [(1, 1), (1, 2), (2, 1)])
def test_lightning_steps_are_those_of_its_own_loggers(tmp_path, optimizers, accumulates):
    pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    from progress_measures.callbacks.lightning import RecorderCallback

    weights = []
    module = lightning_module(optimizers, manual=optimizers > 1)
    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=1)
    lightning_fit(
        tmp_path, RecorderCallback(recorder), module=module, logger=CSVLogger(tmp_path), log_every_n_steps=1,
        accumulate_grad_batches=accumulates, callbacks=[Before(weights)],
    )  # fmt: skip
    assert recorder.trajectory.steps.tolist() == list(range(8 // accumulates + 1))
    rows = csv_rows(tmp_path)
    own = [int(row["step"]) for row in rows if row["loss"]]
    assert set(own) == set(range(8 // accumulates))
    # What the loggers have at a step is the loss of a batch before which the recorder has measured the weights.
    assert recorder.trajectory["weights"].tolist()[:-1] == weights[::accumulates]
    (file,) = tmp_path.rglob("metrics.csv")
    read = pm.Trajectory.read(file)  # rows of the module and of the recorder, merged
    assert read["weights"].tolist() == recorder.trajectory["weights"].tolist()
    assert int(read["loss"].isfinite().sum()) == len(own)


def Before(weights):
    lightning = pytest.importorskip("lightning.pytorch")

    class Before(lightning.Callback):
        def on_train_batch_start(self, _, module, *__):
            weights.append(float(pm.sum_squared_weights(module)))

    return Before()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("optimizers", [1, 2])
def test_lightning_passes_over_no_step_that_is_due(tmp_path, optimizers):
    pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=3)
    module = lightning_module(optimizers, manual=optimizers > 1)
    lightning_fit(tmp_path, RecorderCallback(recorder), module=module, batches=5)
    assert recorder.trajectory.steps.tolist() == [0, 3, 6, 9, 10]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("optimizers", [1, 2])
@pytest.mark.parametrize("saved", [2, 3, 4])
def test_lightning_fit_that_is_resumed_goes_on_with_its_steps(tmp_path, saved, optimizers):
    lightning = pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    path = tmp_path / "run.jsonl"

    def recorder():
        return pm.Recorder({"weights": pm.sum_squared_weights}, every=1, path=path)

    def module():
        return lightning_module(optimizers, manual=optimizers > 1)

    save = lightning.callbacks.ModelCheckpoint(tmp_path, every_n_train_steps=saved * optimizers, save_top_k=-1)
    first = recorder()
    options = {"callbacks": [save], "enable_checkpointing": True}
    lightning_fit(tmp_path, RecorderCallback(first), module=module(), **options)
    known = first.trajectory["weights"].tolist()
    (checkpoint,) = tmp_path.glob(f"*step={saved * optimizers}.ckpt")
    second = recorder()
    lightning_fit(tmp_path, RecorderCallback(second), module=module(), max_epochs=3, ckpt_path=checkpoint)
    assert second.trajectory.steps.tolist() == list(range(13))
    assert second.trajectory["weights"].tolist()[:9] == known


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("manual", [False, True])
def test_lightning_records_the_last_step_before_an_exception(tmp_path, error, manual):
    pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    weights = []
    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
    # By hand, the error comes after the only optimizer of the batch has stepped: between two steps.
    module = lightning_module(manual=manual, fails_at=5, error=error)
    with pytest.raises(SystemExit if error is KeyboardInterrupt else error):
        lightning_fit(tmp_path, RecorderCallback(recorder), module=module, callbacks=[Before(weights)])
    assert recorder.trajectory.steps.tolist() == ([0] if manual else [0, 5])
    assert recorder.trajectory["weights"].tolist() == ([weights[0]] if manual else [weights[0], weights[5]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", [True, False], ids=["before the recorder", "after the recorder"])
@pytest.mark.parametrize("optimizers", [1, 2])
def test_lightning_records_the_last_step_when_another_callback_fails(tmp_path, optimizers, first):
    lightning = pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    class Fails(lightning.Callback):
        def on_train_batch_end(self, _, module, *__):
            if module.batches == 3:
                raise ValueError("enough")

    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
    module = lightning_module(optimizers, manual=optimizers > 1)
    others = [Fails(), RecorderCallback(recorder)]
    with pytest.raises(ValueError, match=r"^enough$"):
        lightning_fit(tmp_path, others.pop(0 if not first else 1), module=module, callbacks=others)
    assert recorder.trajectory.steps.tolist() == [0, 3]
    assert float(recorder.trajectory["weights"][-1]) == float(pm.sum_squared_weights(module))


def failing_from(call):
    """A measure that fails from one of its calls on, and the list of these calls."""
    calls = []

    def measure(model):
        calls.append(1)
        if len(calls) >= call:
            raise OSError("no numbers")
        return {"weights": pm.sum_squared_weights(model)}

    return measure, calls


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("action", ["always", "error"])
def test_lightning_error_of_the_recorder_does_not_hide_what_ended_the_fit(tmp_path, action):
    pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    measure, calls = failing_from(2)
    text = "The last step, 5, could not be recorded. OSError: no numbers"
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action, RuntimeWarning)
        callback = RecorderCallback(pm.Recorder(measure, every=100))
        with pytest.raises(ValueError, match=r"^this batch\b") as raised:
            lightning_fit(tmp_path, callback, module=lightning_module(fails_at=5))
    assert raised.value.__notes__ == [text]
    said = [str(warning.message) for warning in caught if warning.category is RuntimeWarning]
    assert said == ([text] if action == "always" else [])
    assert len(calls) == 2


@pytest.mark.filterwarnings("ignore")
def test_lightning_error_of_the_recorder_itself_is_not_tried_again(tmp_path):
    pytest.importorskip("lightning.pytorch")
    from progress_measures.callbacks.lightning import RecorderCallback

    measure, calls = failing_from(2)
    with pytest.raises(OSError, match=r"^no numbers\b") as raised:
        lightning_fit(tmp_path, RecorderCallback(pm.Recorder(measure, every=2)))
    assert raised.value.__notes__ == ["This was at step 2."]
    assert len(calls) == 2


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_lightning_goes_on_where_a_step_cannot_be_measured(tmp_path):
    pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    from progress_measures.callbacks.lightning import RecorderCallback

    measure, _ = failing_from(3)
    recorder = pm.Recorder(measure, every=2, errors="record")
    with pytest.warns(RuntimeWarning) as caught:
        trainer = lightning_fit(tmp_path, RecorderCallback(recorder), logger=CSVLogger(tmp_path), log_every_n_steps=1)
    assert trainer.global_step == 8
    assert [str(w.message) for w in caught if w.category is RuntimeWarning] == [
        "Step 4 could not be measured: its columns are nan. Later failures give no warning. OSError: no numbers"
    ]
    assert recorder.trajectory["weights"].isnan().tolist() == [False, False, True, True, True]
    assert [int(row["step"]) for row in csv_rows(tmp_path) if row["weights"]] == [0, 2]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("prefix", ["", "recorder/"])
def test_lightning_names_of_the_recorder_and_of_the_module(tmp_path, prefix):
    pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    from progress_measures.callbacks.lightning import RecorderCallback

    recorder = pm.Recorder({"loss": pm.sum_squared_weights}, every=2)
    callback = RecorderCallback(recorder, prefix=prefix)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        lightning_fit(tmp_path, callback, logger=CSVLogger(tmp_path), log_every_n_steps=1)
    said = [str(warning.message) for warning in caught if warning.category is RuntimeWarning]
    clash = (
        "`prefix` must make the recorder's names differ from those that the module logs. Got 'loss' for both. "
        'Pass prefix="recorder/".'
    )
    assert said == ([] if prefix else [clash])
    rows = csv_rows(tmp_path)
    assert len([row for row in rows if row["loss"]]) == (8 if prefix else 13)
    if prefix:
        found = {int(row["step"]): float(row["recorder/loss"]) for row in rows if row["recorder/loss"]}
        known = dict(zip(recorder.trajectory.steps.tolist(), recorder.trajectory["loss"].tolist(), strict=True))
        assert found == pytest.approx(known)
    assert recorder.trajectory.columns.keys() == {"loss"}


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


def transformers_trainer(folder, *callbacks, fails_at=None, **options):
    """A trainer of 6 steps, which logs every 2; the model fails in one of its batches."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Model(Network):
        def forward(self, pairs, labels):
            if self.training and trainer.state.global_step == fails_at:
                raise ValueError("this batch")
            return {"loss": F.cross_entropy(super().forward(pairs), labels)}

    model = Model()
    defaults = {"max_steps": 6, "logging_steps": 2, "save_strategy": "no", "report_to": []} | options
    trainer = transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=str(folder), per_device_train_batch_size=len(PAIRS), use_cpu=True, disable_tqdm=True, **defaults
        ),
        train_dataset=[{"pairs": pair, "labels": answer} for pair, answer in zip(PAIRS, ANSWERS, strict=True)],
        callbacks=list(callbacks),
    )  # fmt: skip
    return trainer


def own_and_recorded(history, name):
    """The steps at which the trainer has logged its loss, and the entries of the recorder."""
    return [entry["step"] for entry in history if "loss" in entry], [entry for entry in history if name in entry]


@pytest.mark.filterwarnings("ignore")
def test_transformers_numbers_are_in_the_history_of_the_trainer(tmp_path):
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=4)
    trainer = transformers_trainer(tmp_path, RecorderCallback(recorder, prefix="recorder/"))
    trainer.train()
    own, recorded = own_and_recorded(trainer.state.log_history, "recorder/weights")
    assert own == [2, 4, 6]
    assert [(entry["step"], entry.get("epoch")) for entry in recorded] == [(0, 0), (4, 4), (6, 6)]
    assert [entry["recorder/weights"] for entry in recorded] == recorder.trajectory["weights"].tolist()
    trainer.save_state()
    # Its last line is of the whole run, and its `train_loss` that of no step.
    read = pm.Trajectory.read(tmp_path / "trainer_state.json", rename={"train_loss": "loss"})
    assert read.complete("recorder/weights")["recorder/weights"].tolist() == recorder.trajectory["weights"].tolist()
    assert read.complete("train_loss").steps.tolist() == own
    assert recorder.trajectory.columns.keys() == {"weights"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("is_attached", [False, True])
def test_transformers_history_of_training_that_is_resumed_has_each_step_once(tmp_path, is_attached):
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    for steps, resumed in [(4, None), (6, True)]:
        recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=2, path=tmp_path / "run.jsonl")
        options = {"max_steps": steps, "save_strategy": "steps", "save_steps": 4}
        trainer = transformers_trainer(tmp_path, **options)
        callback = RecorderCallback(recorder)
        trainer.add_callback(callback)
        if is_attached:
            callback.attach(trainer)
        trainer.train(resume_from_checkpoint=resumed)
    _, recorded = own_and_recorded(trainer.state.log_history, "weights")
    assert [entry["step"] for entry in recorded] == recorder.trajectory.steps.tolist() == [0, 2, 4, 6]
    assert [entry["weights"] for entry in recorded] == recorder.trajectory["weights"].tolist()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("way", ["log", "attach", "attach, added before"])
def test_transformers_numbers_reach_what_the_trainer_reports_to(tmp_path, way):
    transformers = pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    class Report(transformers.TrainerCallback):
        def on_log(self, _, state, __, logs, **___):
            reported.append((state.global_step, *logs))

    reported = []
    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=4)
    trainer = transformers_trainer(tmp_path, Report())
    if way == "log":
        trainer.add_callback(RecorderCallback(recorder, log=lambda numbers, _: trainer.log(numbers)))
    else:
        callback = RecorderCallback(recorder)
        if way == "attach, added before":
            trainer.add_callback(callback)
        assert callback.attach(trainer) is callback
    assert [type(each) for each in trainer.callback_handler.callbacks].count(RecorderCallback) == 1
    trainer.train()
    own, recorded = own_and_recorded(trainer.state.log_history, "weights")
    assert own == [2, 4, 6]  # also where the recorder has called trainer.log before the trainer
    assert [entry["step"] for entry in recorded] == [0, 4, 6]
    assert [step for step, *names in reported if "weights" in names] == [0, 4, 6]


def test_transformers_attach_needs_a_trainer_and_no_log():
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    recorder = pm.Recorder({"weights": pm.sum_squared_weights})
    with pytest.raises(TypeError, match=r"^`trainer.log` must be callable. Got NoneType.$"):
        RecorderCallback(recorder).attach(torch.nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"^`log` must be None for `attach`") as caught:
        RecorderCallback(recorder, log=print).attach(SimpleNamespace(log=print, add_callback=print))
    assert str(caught.value) == (
        "`log` must be None for `attach`, which logs with `trainer.log`. Got a function, or a callback that is "
        "attached already. Make another RecorderCallback without `log`."
    )


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("prefix", ["", "recorder/"])
@pytest.mark.parametrize("log", ["the history", "trainer.log", "elsewhere"])
def test_transformers_names_of_the_recorder_and_of_the_trainer(tmp_path, log, prefix):
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    elsewhere = []
    functions = {
        "the history": None, "trainer.log": lambda numbers, _: trainer.log(numbers),
        "elsewhere": lambda numbers, step: elsewhere.append((step, *numbers)),
    }  # fmt: skip
    recorder = pm.Recorder({"train_loss": pm.sum_squared_weights}, every=3)
    trainer = transformers_trainer(tmp_path)
    trainer.add_callback(RecorderCallback(recorder, functions[log], prefix=prefix))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        trainer.train()
    said = [str(warning.message) for warning in caught if warning.category is RuntimeWarning]
    clash = (
        "`prefix` must make the recorder's names differ from those that the trainer logs. Got 'train_loss' for both. "
        'Pass prefix="recorder/".'
    )
    assert said == ([] if prefix or log == "elsewhere" else [clash])
    assert elsewhere == ([(step, f"{prefix}train_loss") for step in (0, 3, 6)] if log == "elsewhere" else [])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
def test_transformers_goes_on_where_a_step_cannot_be_measured(tmp_path):
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    measure, _ = failing_from(3)
    recorder = pm.Recorder(measure, every=2, errors="record")
    trainer = transformers_trainer(tmp_path, RecorderCallback(recorder))
    with pytest.warns(RuntimeWarning) as caught:
        trainer.train()
    assert [str(w.message) for w in caught if w.category is RuntimeWarning] == [
        "Step 4 could not be measured: its columns are nan. Later failures give no warning. OSError: no numbers"
    ]
    assert recorder.trajectory["weights"].isnan().tolist() == [False, False, True, True]
    _, recorded = own_and_recorded(trainer.state.log_history, "weights")
    assert [entry["step"] for entry in recorded] == [0, 2]


@pytest.mark.filterwarnings("ignore")
def test_transformers_last_step_before_an_exception_is_recorded_by_hand(tmp_path):
    pytest.importorskip("transformers")
    from progress_measures.callbacks.transformers import RecorderCallback

    recorder = pm.Recorder({"weights": pm.sum_squared_weights}, every=100)
    trainer = transformers_trainer(tmp_path, RecorderCallback(recorder), fails_at=3)
    with pytest.raises(ValueError, match=r"^this batch$"):
        trainer.train()
    assert recorder.trajectory.steps.tolist() == [0]
    recorder.record(trainer.state.global_step, trainer.model)
    assert recorder.trajectory.steps.tolist() == [0, 3]
    assert float(recorder.trajectory["weights"][-1]) == float(pm.sum_squared_weights(trainer.model))


@pytest.mark.parametrize(
    ("trainer", "options", "message"),
    [
        ("lightning", {"prefix": 1}, "`prefix` must be a string. Got int."),
        ("transformers", {"prefix": None}, "`prefix` must be a string. Got NoneType."),
        ("transformers", {"log": "wandb"}, "`log` must be callable. Got str."),
    ],
)
def test_arguments_are_checked(trainer, options, message):
    pytest.importorskip(trainer)
    callbacks = importlib.import_module(f"progress_measures.callbacks.{trainer}")
    with pytest.raises(TypeError) as caught:
        callbacks.RecorderCallback(pm.Recorder({"weights": pm.sum_squared_weights}), **options)
    assert str(caught.value) == message


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
