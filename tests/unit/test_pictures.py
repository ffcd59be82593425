"""Pictures of frequencies, tokens, neurons, phases, controls and effects: what is on their axes."""

import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb

import progress_measures as pm
from progress_measures import plotting
from progress_measures.phases.events import Event

POWER = [[1.0, 1.0, 0.0], [1.0, 5.0, 2.0], [1.0, 9.0, 4.0]]
RUN = pm.Trajectory([0, 100, 400], {"power": POWER})
BITS = pm.parity(3, of=(0, 2))


@pytest.fixture(autouse=True)
def _close_figures():
    plt.close("all")
    yield
    plt.close("all")


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def lightness(colour):
    return np.dot(to_rgb(colour), (0.299, 0.587, 0.114))


def bars(axes):
    """Left and right end of each bar, and the middle of its height."""
    return [
        (bar.get_x(), bar.get_x() + bar.get_width(), round(bar.get_y() + bar.get_height() / 2, 6))
        for bar in axes.patches
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Frequencies


def test_key_frequencies_are_lines_of_their_own_before_grey_others():
    axes = plotting.plot_frequencies(RUN, "power", key_frequencies=[3, 2])
    third, second, other = axes.get_lines()
    assert legend(axes) == ["frequency 3", "frequency 2", "other frequencies"]
    assert third.get_ydata().tolist() == [0.0, 2.0, 4.0]
    assert second.get_xydata().tolist() == [[0, 1], [100, 5], [400, 9]]
    assert other.get_ydata().tolist() == [1.0, 1.0, 1.0]
    assert third.get_color() != second.get_color()
    assert third.get_linestyle() != second.get_linestyle()
    assert third.get_linewidth() > other.get_linewidth()
    assert min(third.get_zorder(), second.get_zorder()) > other.get_zorder()
    assert (axes.get_ylabel(), axes.get_yscale(), axes.get_xlim()) == ("power", "log", (0, 400))


def test_all_frequencies_are_grey_where_none_is_key():
    axes = plotting.plot_frequencies(RUN, "power", scale="linear")
    assert len({line.get_color() for line in axes.get_lines()}) == 1
    assert len(axes.get_lines()) == 3
    assert axes.get_legend() is None
    assert axes.get_yscale() == "linear"


def test_every_frequency_may_be_key():
    axes = plotting.plot_frequencies(RUN, "power", key_frequencies=[1, 2, 3])
    assert legend(axes) == ["frequency 1", "frequency 2", "frequency 3"]


def test_onsets_are_marked_on_the_lines():
    onsets = pm.onsets(RUN, "power", frequencies=[1, 2])
    assert onsets == {1: 0, 2: 100}
    axes = plotting.plot_frequencies(RUN, "power", key_frequencies={**onsets, 3: None})
    marks = [line.get_xydata().tolist() for line in axes.get_lines() if line.get_marker() == "o"]
    assert marks == [[[0, 1]], [[100, 5]], []]
    assert legend(axes) == ["frequency 1", "frequency 2", "frequency 3", "onset"]
    assert "onset" not in legend(plotting.plot_frequencies(RUN, "power", key_frequencies={1: None}))


def test_steps_without_a_spectrum_are_passed_over():
    run = pm.Trajectory([0, 10, 20], {"power": [[1.0, 2.0], [math.nan, math.nan], [3.0, 4.0]]})
    key, other = plotting.plot_frequencies(run, "power", key_frequencies=[2]).get_lines()
    assert key.get_xydata().tolist() == [[0, 2], [20, 4]]
    assert other.get_xydata().tolist() == [[0, 1], [20, 3]]


def test_phases_are_shaded_behind_frequencies():
    axes = plotting.plot_frequencies(RUN, "power", key_frequencies=[2], phases=pm.Phases(100, 300, None))
    assert legend(axes) == ["memorization", "circuit formation", "cleanup", "frequency 2", "other frequencies"]


def test_frequencies_of_inputs_are_named_by_their_bits():
    share = torch.zeros(2, 2, 2, 2)
    share[:, 1, 0, 1] = torch.tensor([0.25, 0.75])
    run = pm.Trajectory([0, 10], {"share": share})
    axes = plotting.plot_frequencies(run, "share", key_frequencies=[(1, 0, 1)], scale="linear")
    key, *others = axes.get_lines()
    assert legend(axes) == ["bits 0 and 2", "other frequencies"]
    assert key.get_ydata().tolist() == [0.25, 0.75]
    assert len(others) == 6  # all but the constant
    assert all((line.get_ydata() == 0).all() for line in others)


def test_frequencies_of_pairs_are_named_by_their_integers():
    run = pm.Trajectory([0, 10], {"share": torch.ones(2, 3, 3) / 8})
    assert legend(plotting.plot_frequencies(run, "share", key_frequencies=[(2, 0)]))[0] == "(2, 0)"


def cells(axes):
    return axes.collections[0].get_array()


def test_heat_map_has_a_row_per_frequency_and_a_cell_per_step():
    axes = plotting.plot_frequencies(RUN, "power", kind="heat map", key_frequencies={2: 100, 3: None}, scale="linear")
    assert cells(axes).tolist() == np.transpose(POWER).tolist()
    corners = axes.collections[0].get_coordinates()
    assert corners[0, :, 0].tolist() == [-50, 50, 250, 550]  # halfway between the steps
    assert corners[:, 0, 1].tolist() == [0.5, 1.5, 2.5, 3.5]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["2", "3"]
    assert [line.get_xydata().tolist() for line in axes.get_lines()] == [[[100, 2]]]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("step", "frequency")
    assert axes.figure.axes[1].get_ylabel() == "power"


def test_cells_of_zeros_and_of_nan_are_blank_on_a_logarithmic_scale():
    run = pm.Trajectory([0, 10, 20], {"power": [[1.0, 0.0], [math.nan] * 2, [2.0, math.nan]]})
    axes = plotting.plot_frequencies(run, "power", kind="heat map")
    assert cells(axes).mask.tolist() == [[False, False], [True, True]]
    assert axes.collections[0].get_clim() == (1, 2)
    assert axes.collections[0].get_coordinates()[0, :, 0].tolist() == [-10, 10, 30]


def test_heat_map_of_one_step():
    axes = plotting.plot_frequencies(RUN.select(steps=[100]), "power", kind="heat map")
    assert axes.collections[0].get_coordinates()[0, :, 0].tolist() == [99.5, 100.5]


# ---------------------------------------------------------------------------------------------------------------------
# Tokens and neurons


def places(axes):
    return axes.collections[0].get_offsets()


@pytest.mark.parametrize("build", [pm.addition, pm.multiplication])
def test_a_wave_in_the_embedding_is_a_circle_from_the_right_and_upwards(build):
    op = build(11)
    waves = op.rows([2])  # cosine and sine of the plane
    other = op.rows([3])
    turned = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0)).double())[0]
    embedding = torch.cat([waves, 2 * other, torch.ones(2, op.n)]).T @ turned
    axes = plotting.plot_embedding(embedding, op, frequency=2)
    np.testing.assert_allclose(places(axes), waves.T, atol=1e-12)
    angles = [2 * index % op.n / op.n for index in range(op.n)]
    np.testing.assert_allclose(axes.collections[0].get_array(), angles)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("along cos 2", "along sin 2")
    assert axes.get_aspect() == 1
    assert axes.figure.axes[1].get_ylabel() == "angle in wave 2 (turns)"
    in_order = sorted(range(op.n), key=lambda index: angles[index])
    assert [text.get_text() for text in axes.texts] == [str(int(op.elements[index])) for index in in_order]


def test_principal_components_come_with_their_shares():
    op = pm.addition(5)
    embedding = torch.stack([-3 * op.basis[1], op.basis[2], 10 + 0 * op.basis[0]], dim=1)
    axes = plotting.plot_embedding(embedding.T, op, dim=1)
    assert axes.get_xlabel() == "principal component 1 (90.0 %)"
    assert axes.collections[0].get_array().tolist() == op.elements.tolist()
    assert axes.figure.axes[1].get_ylabel() == "token"
    assert axes.get_ylabel() == "principal component 2 (10.0 %)"
    points = places(axes)
    np.testing.assert_allclose(points[:, 0], -embedding[:, 0], atol=1e-12)  # the first token is on the right
    np.testing.assert_allclose(np.abs(points[:, 1]), embedding[:, 1].abs(), atol=1e-12)


def test_plane_of_a_representation_of_more_rows():
    op = pm.groups.symmetric_group(4)
    (k,) = [k for k, rows in zip(op.frequencies, op.rows_per_frequency, strict=True) if rows == 4]
    axes = plotting.plot_embedding(op.basis.T, op, frequency=k)
    assert axes.get_xlabel() == f"component 1 of frequency {k}"
    assert np.isfinite(places(axes)).all()


def test_of_many_tokens_some_are_numbered():
    axes = plotting.plot_embedding(torch.eye(113), pm.addition(113))
    assert [text.get_text() for text in axes.texts][:3] == ["0", "14", "28"]
    assert len(axes.texts) < 10


def test_neurons_are_sorted_by_their_frequency_and_then_by_their_share():
    shares = torch.tensor([[0.0, 0.6, 0.1], [0.0, 0.0, 0.0], [0.0, 0.9, 0.0], [0.7, 0.2, 0.0], [0.0, 0.1, 0.8]])
    axes = plotting.plot_neurons(shares, key_frequencies=[1, 3])
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), shares[[3, 2, 0, 4, 1]])
    assert image.get_clim() == (0, 1)
    assert image.get_extent() == [0.5, 3.5, 5, 0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "3"]
    assert axes.get_xticks().tolist() == [1, 3]
    assert axes.get_xlabel() == "frequency"


def test_neighbouring_key_frequencies_share_a_tick():
    axes = plotting.plot_neurons(torch.ones(2, 56), key_frequencies=[6, 42, 5])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["5, 6", "42"]
    assert axes.get_xticks().tolist() == [5.5, 42]


# ---------------------------------------------------------------------------------------------------------------------
# Spectra of inputs


def test_input_spectrum_is_by_degree():
    share = torch.zeros(2, 2, 2)
    share[1, 0, 0], share[0, 1, 0], share[1, 0, 1], share[1, 1, 1] = 0.25, 0.04, 0.5, 0.06
    axes = plotting.plot_input_spectrum(share, BITS)
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.29, 0.5, 0.06])
    every, *named = axes.get_lines()
    assert sorted(every.get_xydata().round(6).tolist()) == [
        [1, 0], [1, 0.04], [1, 0.25], [2, 0], [2, 0], [2, 0.5], [3, 0.06]
    ]  # fmt: skip
    assert [text.get_text() for text in axes.texts] == ["bits 0 and 2", "bit 0", "bits 0, 1 and 2"]
    assert [line.get_xydata().round(6).tolist() for line in named] == [[[2, 0.5]], [[1, 0.25]], [[3, 0.06]]]
    assert legend(axes) == ["each frequency", "largest", "sum of each degree"]


def test_input_spectrum_names_what_is_asked_for():
    axes = plotting.plot_input_spectrum(torch.zeros(2, 2, 2), BITS, key_frequencies=[(0, 1, 0)])
    assert [text.get_text() for text in axes.texts] == ["bit 1"]
    assert not plotting.plot_input_spectrum(torch.zeros(2, 2, 2), BITS).texts


def test_input_spectrum_of_pairs():
    op = pm.addition(5)
    wave = torch.cos(2 * torch.pi * 2 * op.table / 5)
    axes = plotting.plot_input_spectrum(pm.input_spectrum(wave, op), op)
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0, 1])
    assert [text.get_text() for text in axes.texts] == [op.label((2, 2))]


# ---------------------------------------------------------------------------------------------------------------------
# Runs


def phases(*events):
    names = ("memorization_end", "circuit_formation_end", "cleanup_end")
    return pm.Phases.of(dict(zip(names, events, strict=True)))


def test_each_run_is_a_row_and_each_end_a_marker_in_its_interval():
    first = phases(Event(120, (100, 200)), Event(450, (400, 600), settled=False), Event(None, absent="not reached"))
    axes = plotting.plot_phases({"mainline": first, "a_$seed$": pm.Phases(80, None, None)})
    assert [text.get_text() for text in axes.get_yticklabels()] == ["mainline", r"a_\$seed\$"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first on top
    markers = {
        tuple(map(float, line.get_xydata()[0])): line
        for line in axes.get_lines()
        if line.get_marker() in "os^" and len(line.get_xdata())
    }
    assert sorted(markers) == [(80, 1), (120, 0), (450, 0)]
    intervals = [collection.get_segments()[0].tolist() for collection in axes.collections]
    assert intervals == [[[100, 0], [200, 0]], [[80, 1], [80, 1]], [[400, 0], [600, 0]]]
    assert markers[120, 0].get_marker() == markers[80, 1].get_marker() != markers[450, 0].get_marker()
    assert to_rgb(markers[450, 0].get_markerfacecolor()) == (1, 1, 1)
    assert to_rgb(markers[120, 0].get_markerfacecolor()) != (1, 1, 1)
    assert legend(axes) == ["hollow: not settled", "end of memorization", "end of circuit formation"]


def test_ends_of_trajectories_are_found():
    run = pm.Trajectory(
        [0, 1000, 2000, 3000, 4000, 5000, 9000],
        {
            "excluded_loss": [4.8, 0.3, 1.0, 9.0, 8.0, 6.0, 6.0],
            "test_loss": [4.8, 20.0, 15.0, 1.0, 0.1, 0.0, 0.0],
        },
        step_name="epoch",
    )
    axes = plotting.plot_phases({"a": run}, answers=113)
    assert legend(axes)[:2] == ["end of memorization", "end of circuit formation"]
    assert axes.get_xlabel() == "epoch"


def test_a_picture_without_any_end_is_warned_of():
    runs = {name: pm.Trajectory([0, 100], {"test_accuracy": [0.1, 0.9]}) for name in "ab"}
    with pytest.warns(
        UserWarning,
        match=r"^`runs` must have an end of a phase to draw\. Got none in 2 runs: memorization_end is not recorded, "
        r"circuit_formation_end is not recorded, cleanup_end is not recorded\. Record excluded_loss, test_loss and "
        r"sum_squared_weights, or draw accuracies and losses with plot_curves and its milestones=\.$",
    ) as caught:
        plotting.plot_phases(runs, answers=113)
    assert [warning.filename for warning in caught] == [__file__]
    unreached = {"a": phases(*[Event(None, absent="not reached")] * 3), "b": pm.Phases(None, None, None)}
    with pytest.warns(UserWarning, match="^`runs` .*: memorization_end is not reached or unknown, "):
        plotting.plot_phases(unreached)


# ---------------------------------------------------------------------------------------------------------------------
# Controls and effects

CONTROL = pm.measures.Control(torch.tensor(1e-8), torch.linspace(1, 3, 101))
OTHER = pm.measures.Control(torch.tensor(4.0), torch.logspace(-5, -2, 101, dtype=torch.float64))


def test_a_loss_stands_beside_its_draws():
    axes = plotting.plot_controls({"restricted": CONTROL, "excluded": OTHER})
    draws, real = axes.get_lines()
    assert real.get_xydata().tolist() == [[pytest.approx(1e-8), 0], [4, 1]]
    np.testing.assert_allclose(draws.get_xdata(), torch.cat([CONTROL.draws, OTHER.draws]))
    assert draws.get_ydata().tolist() == [0] * 101 + [1] * 101
    assert [bar[:2] for bar in bars(axes)] == [pytest.approx((1.1, 2.9)), pytest.approx((10**-4.85, 10**-2.15))]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["restricted", "excluded"]
    assert axes.get_xscale() == "log"
    assert axes.get_xlim()[0] < 1e-8  # all of it is in the picture
    assert axes.get_xlim()[1] > 4
    assert set(legend(axes)) == {"nine in ten draws", "draws", "real"}


def test_few_distinct_draws_have_no_box():
    few = pm.measures.Control(torch.tensor(0.5), torch.tensor([1.0, 2.0, 4.0]).repeat(33))
    axes = plotting.plot_controls({"few": few, "many": CONTROL})
    assert [place for *_, place in bars(axes)] == [1]
    assert set(legend(plotting.plot_controls(few))) == {"draws", "real"}


def test_all_losses_of_controls_are_drawn_or_one():
    axes = plotting.plot_controls(pm.measures.Controls(CONTROL, CONTROL, CONTROL, OTHER))
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "restricted loss", "restricted loss train", "restricted loss test", "excluded loss"
    ]  # fmt: skip
    assert len(plotting.plot_controls(OTHER).get_yticks()) == 1


def test_losses_below_zero_have_a_linear_axis():
    control = pm.measures.Control(torch.tensor(-1.0), torch.tensor([1.0, 2.0]))
    assert plotting.plot_controls(control).get_xscale() == "linear"


def test_effects_are_bars_from_zero_beside_the_reference():
    axes = plotting.plot_effects({"attn_skip": 2.0, "mlp": torch.tensor(5.0)}, reference={"whole": 1.0})
    assert bars(axes) == [(0, 2, 0), (0, 5, 1)]
    (line,) = axes.get_lines()
    assert (list(line.get_xdata()), legend(axes)) == ([1, 1], ["whole"])
    assert [text.get_text() for text in axes.get_yticklabels()] == ["attn_skip", "mlp"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_effects_are_in_the_order_asked_for():
    effects = {"a": 1.0, "b": {"zero": 0.5, "mean": 7.0}, "c": [2.0, 4.0]}
    for order, names in {"given": ["a", "b", "c"], "largest": ["b", "c", "a"]}.items():
        axes = plotting.plot_effects(effects, order=order)
        assert [text.get_text() for text in axes.get_yticklabels()] == names


def test_labels_of_effects_have_a_bar_each_from_dark_to_light():
    axes = plotting.plot_effects({"attn": {"zero": 1.0, "mean": 2.0}, "mlp": {"zero": 3.0, "mean": 4.0}})
    assert bars(axes) == [(0, 1, -0.2), (0, 3, 0.8), (0, 2, 0.2), (0, 4, 1.2)]
    assert legend(axes) == ["zero", "mean"]
    zero, mean = axes.patches[0].get_facecolor()[:3], axes.patches[2].get_facecolor()[:3]
    assert lightness(mean) - lightness(zero) > 0.3


def test_several_numbers_are_a_bar_at_their_mean_with_points():
    axes = plotting.plot_effects({"mlp": [1.0, 2.0, 6.0], "attn": 1.0})
    assert [bar[1] for bar in bars(axes)] == [3, 1]
    (points,) = axes.get_lines()
    assert points.get_xydata().tolist() == [[1, 0], [2, 0], [6, 0]]


def test_bars_of_a_logarithmic_axis_begin_at_the_reference():
    axes = plotting.plot_effects({"up": 100.0, "down": 0.01}, reference=1.0, scale="log")
    assert [bar[:2] for bar in bars(axes)] == [(1, 100), (1, pytest.approx(0.01))]
    assert axes.get_xscale() == "log"
    lowest = plotting.plot_effects({"up": 100.0, "down": 10.0}, scale="log")
    assert [bar[0] for bar in bars(lowest)] == [5, 5]


def test_reference_at_the_end_of_the_bars_is_inside_the_picture():
    axes = plotting.plot_effects({"up": 100.0}, reference=1.0, scale="log")
    assert axes.get_xlim()[0] < 0.9


def test_circuits_lie_between_ideal_ones():
    axes = plotting.plot_clock_or_pizza({"mainline": (0.5, 0.75), "seed1": torch.tensor([-0.4, 0.9])})
    clock, pizza, *models = axes.get_lines()
    assert (clock.get_xydata().tolist(), pizza.get_xydata().tolist()) == ([[0, 1]], [[1, 0]])
    np.testing.assert_allclose([line.get_xydata()[0] for line in models], [(0.5, 0.75), (-0.4, 0.9)])
    assert len({line.get_marker() for line in models}) == 2
    assert legend(axes) == ["ideal clock", "ideal pizza", "mainline", "seed1"]
    assert axes.get_xlim() == pytest.approx((-0.5, 1.1))


def test_ideal_corners_are_those_of_the_ideal_circuits():
    op, places = pm.addition(13), {}
    for name, circuit in {"clock": pm.circuits.Clock, "pizza": pm.circuits.Pizza}.items():
        model = circuit(op, {2: 1.0})
        places[name] = (
            pm.circuits.gradient_symmetricity(model, op, model.embed, samples=None),
            pm.circuits.distance_irrelevance(pm.grid_logits(model, op), op),
        )
    clock, pizza, *models = plotting.plot_clock_or_pizza(places).get_lines()
    for corner, model in zip((clock, pizza), models, strict=True):
        np.testing.assert_allclose(model.get_xydata(), corner.get_xydata(), atol=1e-6)
