"""Mistakes whose remedy is named, and tables and axes that can be read."""

import pickle
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import torch
from torch import nn

import progress_measures as pm


@pytest.fixture
def model():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return nn.ModuleDict({"enc": nn.TransformerEncoder(layer, 1), "head": nn.Linear(8, 2)})


@pytest.mark.parametrize("make", [pm.multiplication, pm.division])
def test_rows_with_zero_are_met_with_how_to_include_it(make):
    with pytest.raises(ValueError, match=rf"Pass {make.__name__}\(p, zero=True\)"):
        make(7).mask([[1, 2], [0, 1]])
    with pytest.raises(ValueError, match=r"which is none\.$"):
        make(7).mask([[1, 9]])
    assert make(7, zero=True).mask([[0, 1]]).sum() == 1


@pytest.mark.parametrize("site", ["enc.layers.0.self_attn.out_proj", pm.output_of("enc.layers.0.self_attn.out_proj")])
def test_an_output_that_no_pass_computes_is_refused_at_once(model, site):
    message = r"Pass output_of\('enc.layers.0.self_attn', 0\)"
    for context in (lambda: pm.ablated(model, site, pm.zero_ablation()), lambda: pm.captured(model, site)):
        with pytest.raises(ValueError, match=message), context():
            pytest.fail("the context was entered")


def test_the_input_of_out_proj_has_a_name(model):
    with pm.captured(model["enc"], pm.input_of("layers.0.self_attn.out_proj")) as activations:
        model["enc"](torch.randn(5, 3, 8))
    assert next(iter(activations.values())).shape == (5, 3, 8)


@pytest.mark.parametrize("path", ["enc.layers.0.mlp", "0.mlp", "layers.0.mlp"])
def test_a_missing_part_of_a_layer_is_met_with_its_parts(model, path):
    with pytest.raises(ValueError, match=r"'enc\.layers\.0' has self_attn, linear1, dropout, linear2, "):
        pm.ablated(model, path, pm.zero_ablation()).__enter__()
    with pytest.raises(ValueError, match="'head' has no submodules"):
        pm.ablated(model, "head.mlp", pm.zero_ablation()).__enter__()


def test_the_spread_of_phases_is_a_dictionary_that_prints_as_a_table():
    spread = pm.phase_spread([pm.Phases(1200, 4600, None), pm.Phases(1400, 9301, None)])
    assert spread == dict(spread)
    assert spread == pickle.loads(pickle.dumps(spread))
    assert [line.split() for line in str(spread).splitlines()] == [
        ["runs", "reached", "median", "earliest", "latest"],
        ["memorization", "ends", "2", "2", "1300", "1200", "1400"],
        ["circuit", "formation", "ends", "2", "2", "6950.5", "4600", "9301"],
        ["cleanup", "ends", "2", "0", "–", "–", "–"],
    ]
    assert spread._repr_html_().count("<tr>") == 4


def test_columns_print_their_names_and_shapes():
    columns = pm.Trajectory([0, 1], {"test_loss": [1.0, 2.0], "power": [[1.0] * 3] * 2}).columns
    assert str(columns) == "{'test_loss': tensor of shape (2,), 'power': tensor of shape (2, 3)}"
    assert type(columns | {}) is dict


def test_rooms_that_need_other_packages_are_imported_when_they_are_named():
    code = """
import sys, progress_measures as pm
print(any(name.split(".")[0] in ("matplotlib", "bokeh") for name in sys.modules))
print(pm.plotting.plot_curves.__name__, hasattr(pm, "nonsense"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\nplot_curves False\n"


def test_a_missing_package_of_a_room_is_named():
    code = """
import sys
sys.modules["matplotlib"] = None
import progress_measures as pm
try:
    pm.plotting
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "progress_measures.plotting needs matplotlib: pip install matplotlib\n"


def test_key_frequencies_are_renamed_with_the_losses_that_they_belong_to():
    columns = {"test_loss": [1.0, 2.0], "reward": [1.0, 2.0], "key_frequencies": [[0.0, 1.0]] * 2}
    run = pm.Trajectory([0, 1], {f"recorder/{name}": values for name, values in columns.items()})
    wanted = "rename={'test_loss': 'recorder/test_loss', 'key_frequencies': 'recorder/key_frequencies'}"
    with pytest.raises(ValueError, match=re.escape(wanted)):
        pm.find_phases(run, answers=5)


def test_texts_of_hugging_faces_trainer_are_left_out_without_a_warning(tmp_path):
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="tensorboard is not installed")
    with tensorboard.SummaryWriter(str(tmp_path / "run")) as writer:
        writer.add_scalar("test_loss", 1.0, 0)
        writer.add_text("args", "{}")
        writer.add_text("model_config", "{}")
    assert list(pm.Trajectory.read(tmp_path / "run").columns) == ["test_loss"]
    with tensorboard.SummaryWriter(str(tmp_path / "other")) as writer:
        writer.add_scalar("test_loss", 1.0, 0)
        writer.add_text("notes", "{}")
    with pytest.warns(UserWarning, match="notes/text_summary"):
        pm.Trajectory.read(tmp_path / "other")


@pytest.mark.parametrize("effects", [{"a": 0.3, "b": 3.0}, {"a": 0.12, "b": 1.1}, {"a": 0.0002, "b": 0.013}], ids=str)
def test_labels_of_a_logarithmic_axis_of_two_decades_do_not_overlap(effects):
    plotting = pytest.importorskip("progress_measures.plotting")
    ax = plotting.plot_effects(effects, reference=sum(effects.values()) / 2, scale="log")
    _check_labels(ax)


@pytest.mark.parametrize("steps", [(30, 320), (5, 60), (2, 150)], ids=str)
def test_labels_of_a_logarithmic_axis_of_steps_do_not_overlap(steps):
    plotting = pytest.importorskip("progress_measures.plotting")
    _check_labels(plotting.plot_curves(pm.Trajectory(steps, {"loss": [1.0, 2.0]}), "loss", x="log"))


def _check_labels(ax):
    ax.figure.set_size_inches(3, 2)
    ax.figure.draw_without_rendering()
    left, right = ax.get_window_extent().x0, ax.get_window_extent().x1
    boxes = [label.get_window_extent() for which in ("major", "minor") for label in ax.get_xticklabels(which=which)
             if label.get_text() and left <= label.get_window_extent().x0 < right]  # fmt: skip
    ordered = sorted(boxes, key=lambda box: box.x0)
    assert len(ordered) >= 2
    assert all(one.x1 < other.x0 for one, other in pairwise(ordered))
