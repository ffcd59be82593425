"""Training and measuring a run from the command line: small runs, for real."""

import csv
import json

import numpy as np
import pytest
import torch
from torch.nn import functional as F

import progress_measures as pm
from examples.modular_addition import __main__ as measuring, checkpoints, train as command, training
from examples.modular_addition.bundled import RUNS
from examples.modular_addition.training import Config, Run, open_run, train

TINY = ["--n", "5", "--fraction", "0.5", "--epochs", "40"]


def finish(config, folder, epochs=(), **options):
    for _ in train(run := open_run(config, folder), epochs, folder, **options):
        pass
    return run


def test_a_step_is_the_papers(tmp_path):
    """Against PyTorch's own optimizer and schedule, through the plain forward pass."""
    config = Config(n=7, fraction=0.5, epochs=25, operation="subtraction")
    run = finish(config, tmp_path)

    model = Run.start(config).model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=1.0, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 10, 1))
    pairs = torch.cartesian_prod(torch.arange(7), torch.arange(7))
    answers = (pairs[:, 0] - pairs[:, 1]) % 7
    mask = config.train_mask.flatten()
    losses = []
    for _ in range(26):
        logits = model(pairs).double()
        loss = F.cross_entropy(logits[mask], answers[mask])
        losses.append([loss.item(), F.cross_entropy(logits[~mask], answers[~mask]).item()])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    np.testing.assert_allclose(run.losses.numpy(), losses, rtol=1e-4)
    assert losses[0][0] == losses[1][0]  # the first step of the warm-up has no learning rate


def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 10)
    config = Config(n=5, fraction=0.5, epochs=40)
    unbroken = finish(config, tmp_path / "unbroken", [20])
    for state in train(open_run(config, tmp_path / "killed"), [20], tmp_path / "killed"):
        if state.epoch == 33:
            break
    run = open_run(config, tmp_path / "killed")
    assert run.epoch == 30
    resumed = finish(config, tmp_path / "killed", [20])
    assert torch.equal(resumed.losses, unbroken.losses)
    for (name, weight), other in zip(unbroken.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(weight, other), name
    assert checkpoints.steps(tmp_path / "killed") == [20, 40]


def test_a_finished_run_can_be_prolonged(tmp_path):
    finish(Config(n=5, fraction=0.5, epochs=10), tmp_path)
    longer = Config(n=5, fraction=0.5, epochs=15)
    run = finish(longer, tmp_path)
    assert torch.isfinite(run.losses).all()
    fresh = finish(longer, tmp_path / "fresh")
    assert torch.equal(run.losses, fresh.losses)
    with pytest.raises(ValueError, match=r"must be at least the 15 that the run has had\. Got 3\."):
        open_run(Config(n=5, fraction=0.5, epochs=3), tmp_path)
    assert Config.load(tmp_path) == longer  # nothing was lost by asking


def test_losses_of_every_epoch_are_kept(tmp_path):
    run = finish(Config(n=5, fraction=0.5, epochs=12), tmp_path)
    losses = pm.Trajectory.load(tmp_path / "losses.npz")
    assert losses.steps.tolist() == list(range(13))
    assert torch.equal(losses["test_loss"], run.losses[:, 1])
    assert torch.isfinite(losses["train_loss"]).all()


def test_checkpoints_are_safetensors_and_small_where_asked(tmp_path):
    run = finish(Config(n=5, fraction=0.5, epochs=12), tmp_path, [0, 6], precision=torch.float16)
    assert checkpoints.steps(tmp_path) == [0, 6, 12]
    dtypes = {
        step: {x.dtype for x in checkpoints.read(checkpoints.path_of(tmp_path, step))[0].values()}
        for step in (0, 6, 12)
    }
    assert dtypes == {0: {torch.float16}, 6: {torch.float16}, 12: {torch.float32}}
    last = checkpoints.load(checkpoints.path_of(tmp_path, 12))
    pairs = pm.addition(5).inputs
    assert torch.equal(last(pairs), run.model(pairs))
    assert not last.training
    start = checkpoints.load(checkpoints.path_of(tmp_path, 0))
    assert start.W_E.dtype == torch.float32
    torch.testing.assert_close(start.W_E, Run.start(run.config).model.W_E, rtol=1e-3, atol=1e-6)


def test_schedule_is_dense_at_first():
    epochs = training.schedule(40_000)
    assert len(epochs) == 40
    assert (epochs[0], epochs[-1]) == (0, 40_000)
    gaps = np.diff(epochs)
    assert (np.diff(gaps) >= 0).all()
    assert training.schedule(3) == [0, 1, 2, 3]


def test_command_line_trains_and_measures(tmp_path, capsys):
    command.main(["--output", str(tmp_path / "run"), *TINY, "--checkpoint-epochs", "0", "10", "20", "30"])
    assert f"--run {tmp_path / 'run'}" in capsys.readouterr().out
    out = tmp_path / "out"
    measuring.main(["--run", str(tmp_path / "run"), "--output", str(out)])
    printed = capsys.readouterr().out
    assert {file.name for file in out.iterdir()} == {
        "losses.png",
        "excluded_per_key_frequency.png",
        "spectra.png",
        "logit_components.png",
        "weights.png",
        "trajectory.csv",
        "trajectory.npz",
        "report.txt",
    }
    assert (out / "report.txt").read_text().strip() in printed
    assert "memorization ends:" in printed
    with (out / "trajectory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [0, 10, 20, 30, 40]
    op, mask = pm.addition(5), Config.load(tmp_path / "run").train_mask
    logits = pm.grid_logits(checkpoints.load(checkpoints.path_of(tmp_path / "run", 20)), op)
    assert float(rows[2]["train_loss"]) == pytest.approx(float(pm.cross_entropy(logits, op, mask=mask)), rel=1e-9)
    for picture in out.glob("*.png"):
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_command_line_trains_on_a_group(tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "out"
    options = ["--operation", "symmetric_group", "--n", "3", "--epochs", "40", "--fraction", "0.5"]
    command.main(["--output", str(run), *options, "--checkpoint-epochs", "0"])
    config = Config.load(run)
    assert config.op.rows_per_frequency == (1, 4)
    assert config.train_mask.shape == (6, 6)
    measuring.main(["--run", str(run), "--output", str(out)])
    assert "key frequencies of W_L" in capsys.readouterr().out
    # Components by waves of the inputs are those of cyclic operations.
    assert (out / "spectra.png").exists()
    assert not (out / "logit_components.png").exists()
    model = checkpoints.load(checkpoints.path_of(run, 40))
    answers = config.op.elements[config.op.table].flatten()
    loss = torch.nn.functional.cross_entropy(
        model(config.op.inputs)[config.train_mask.flatten()], answers[config.train_mask.flatten()]
    )
    assert float(pm.Trajectory.load(run / "losses.npz")["train_loss"][-1]) == pytest.approx(loss.item(), rel=1e-5)


def test_command_line_refuses_with_a_reason(tmp_path, capsys):
    run = str(tmp_path / "run")
    command.main(["--output", run, *TINY])
    before = json.loads((tmp_path / "run" / "config.json").read_text())
    for arguments, message in [
        (["--output", run, *TINY, "--seed", "1"], "must be empty or hold the same run"),
        (["--output", run, *TINY, "--epochs", "3"], "must be at least the 40 that the run has had"),
        (["--output", str(tmp_path / "x"), "--n", "5", "--fraction", "1"], "must leave pairs to train and to test on"),
        (["--output", str(tmp_path / "x"), "--n", "1"], "must be at least 2, got 1"),
        (["--output", str(tmp_path / "x"), "--operation", "power"], "invalid choice: 'power'"),
        (
            ["--output", str(tmp_path / "x"), "--operation", "symmetric_group"],
            "argument --n: `m` must be at most 7. Got 113.",
        ),
        ([], "the following arguments are required: --output"),
        (["--output", str(tmp_path / "x"), *TINY, "--fraction", "inf"], "must leave pairs to train and to test on"),
        (["--output", str(tmp_path / "x"), *TINY, "--fraction", "nan"], "must leave pairs to train and to test on"),
        (["--output", str(tmp_path / "x"), *TINY, "--checkpoint-epochs", "41"], "must be at most the run's 40 epochs"),
        (["--output", str(tmp_path / "run" / "config.json"), *TINY], "File exists"),
    ]:
        with pytest.raises(SystemExit) as stop:
            command.main(arguments)
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
    assert json.loads((tmp_path / "run" / "config.json").read_text()) == before
    with pytest.raises(SystemExit):
        measuring.main(["--run", str(tmp_path / "nowhere"), "--output", str(tmp_path / "out")])
    assert "nowhere" in capsys.readouterr().err


@pytest.mark.parametrize(("main", "words"), [(command.main, "--weight-decay"), (measuring.main, "--run")])
def test_help_helps(main, words, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    assert words in capsys.readouterr().out


def test_interruption_says_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(command, "train", interrupted)
    with pytest.raises(SystemExit, match="same command"):
        command.main(["--output", str(tmp_path), *TINY])


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (pm.Phases(1000, 5000, 8000), ["memorization", "memorization", "circuit formation", "cleanup", "stable"]),
        (pm.Phases(None, None, None), ["memorization"] * 5),
        (pm.Phases(1000, None, None), ["memorization"] * 2 + ["circuit formation"] * 3),
        (pm.Phases(None, 5000, None), ["circuit formation"] * 3 + ["cleanup"] * 2),
    ],
)
def test_phase_of_a_step(phases, expected):
    assert [measuring.phase_at(step, phases) for step in (0, 1000, 1001, 5001, 9000)] == expected


def test_a_state_without_its_config_is_still_of_its_run(tmp_path):
    finish(Config(n=5, fraction=0.5, epochs=10), tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match="must be empty or hold the same run"):
        open_run(Config(n=5, fraction=0.5, epochs=10, seed=5), tmp_path)
    assert open_run(Config(n=5, fraction=0.5, epochs=10), tmp_path).epoch == 10


def test_divergence_stops_the_command(tmp_path):
    with pytest.raises(SystemExit, match="Training diverged"):
        command.main(["--output", str(tmp_path), *TINY, "--learning-rate", "1e30"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "losses.npz").unlink(), "must have come to its end"),
        (lambda run: (run / "losses.npz").write_bytes(b"PK"), "losses.npz"),
        (lambda run: (run / "config.json").write_text("{"), "must have a readable config"),
        (lambda run: (run / "config.json").write_text('{"p": 5}'), "must have a readable config"),
        (lambda run: (run / "step_000040.safetensors").write_bytes(b"12345678{"), "must be a whole safetensors file"),
        (
            lambda run: checkpoints.write(run / "step_000040.safetensors", {"x": torch.ones(1)}, {}),
            "must hold the weights of this transformer",
        ),
        (lambda run: [path.unlink() for path in run.glob("step_*")], "must have checkpoints"),
    ],
)
def test_a_damaged_run_is_refused_with_the_file(tmp_path, capsys, damage, message):
    finish(Config(n=5, fraction=0.5, epochs=40), tmp_path / "run")
    (tmp_path / "run" / "step_final.safetensors").touch()  # not one of ours
    damage(tmp_path / "run")
    with pytest.raises(SystemExit) as stop:
        measuring.main(["--run", str(tmp_path / "run"), "--output", str(tmp_path / "out")])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert str(tmp_path / "run") in error


def test_a_run_whose_checkpoints_were_not_kept_is_read_from_its_curves(tmp_path, capsys):
    measuring.main(["--run", str(RUNS / "symmetric_5"), "--output", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "circuit formation ends: step 5872" in printed
    assert "key frequencies of W_L:        1, 2" in printed
