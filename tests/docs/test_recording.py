"""Every code block of docs/recording.md runs, and prints what its comments say."""

import contextlib
import csv
import io
import re
from pathlib import Path

import pytest
import torch

from progress_measures.__main__ import main

PAGE = (Path(__file__).parents[2] / "docs" / "recording.md").read_text(encoding="utf-8")
SECTIONS = {
    section.partition("\n")[0]: blocks
    for section in PAGE.split("\n## ")
    if (blocks := re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL))
}
FIRST = next(iter(SECTIONS))  # whose names all others use
NEEDS = {
    "torch.utils.tensorboard": "tensorboard", "callbacks.lightning": "lightning",
    "callbacks.transformers": "transformers",
}  # fmt: skip


@pytest.mark.parametrize("heading", SECTIONS)
@pytest.mark.filterwarnings("ignore")
def test_blocks_run_and_print_what_they_say(heading, tmp_path, monkeypatch):
    for module, package in NEEDS.items():
        if module in "".join(SECTIONS[heading]):
            pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    names = {}
    blocks = [*SECTIONS[FIRST], *(SECTIONS[heading] if heading != FIRST else [])]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for block in blocks:
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(compile(block, f"docs/recording.md, {heading}", "exec"), names)
            said = re.findall(r"^ *print\(.*\)  # (.*)$", block, flags=re.MULTILINE)
            printed = output.getvalue().splitlines()
            assert printed[len(printed) - len(said) :] == said
    if '"run.csv"' in "".join(blocks):
        steps = [int(row["step"]) for row in csv.DictReader((tmp_path / "run.csv").open())]
        assert steps == sorted(set(steps)) != []
    if 'SummaryWriter("runs")' in "".join(blocks):
        assert list((tmp_path / "runs").iterdir())


@pytest.mark.filterwarnings("ignore")
def test_measures_of_hugging_faces_trainer_arrive_in_tensorboard(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers", reason="the recipe trains with transformers")
    pytest.importorskip("accelerate", reason="transformers trains with accelerate")
    pytest.importorskip("tensorboard", reason="the recipe reports to TensorBoard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (block,) = [block for blocks in SECTIONS.values() for block in blocks if 'report_to="tensorboard"' in block]
    assert len(block.splitlines()) <= 25
    import transformers

    monkeypatch.chdir(tmp_path)
    names = {}  # the recipe needs nothing from the blocks before it
    with torch.random.fork_rng():
        torch.manual_seed(0)
        exec(compile(block, "docs/recording.md, the recipe", "exec"), names)
    assert names["config"].bos_token_id is names["config"].eos_token_id is None  # 50256 is not among 13 tokens
    printers = transformers.ProgressCallback, transformers.PrinterCallback
    names["trainer"].remove_callback(printers[names["args"].disable_tqdm])  # as the page says, to silence it
    assert not [each for each in names["trainer"].callback_handler.callbacks if isinstance(each, printers)]
    main(["phases", "hf/runs", "--answers", "13"])
    assert "reading the columns train/recorder/… without " in capsys.readouterr().err
    (folder,) = (tmp_path / "hf" / "runs").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    recorded = names["recorder"].trajectory
    assert recorded.steps.tolist() == [0, 10, 20, 30, 40]
    for name in ("test_loss", "excluded_loss", "gini_W_E", "sum_squared_weights"):
        scalars = events.Scalars(f"train/recorder/{name}")
        assert [scalar.step for scalar in scalars] == recorded.steps.tolist()
        assert [scalar.value for scalar in scalars] == pytest.approx(recorded[name].tolist())
    assert [scalar.step for scalar in events.Scalars("train/loss")] == [10, 20, 30, 40]
    logged = names["trainer"].state.log_history[-2]["loss"]  # of the steps 31 to 40, dropout on
    assert logged == pytest.approx(float(recorded["train_loss"][-1]), rel=0.05)  # the recorder measures the same loss
