"""The numbers of docs/phases.md are those that the library gives."""

import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import progress_measures as pm
from examples.modular_addition.bundled import RUNS, final
from tests._planted import memorizing_logits, random_mask
from tests._runs import MEASURED, SEEDS, curves, cuts, never_learned, noisy, spiked, thinned

PAGE = (Path(__file__).parents[2] / "docs" / "phases.md").read_text(encoding="utf-8")
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "mainline_curves.csv"
DRAWS = 100
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")


def rows(heading):
    """The cells of the first table below a heading, by the first cell of each row."""
    section = PAGE[PAGE.index(f"## {heading}\n") :]
    table = re.search(r"(?:^\|.*\n)+", section, flags=re.MULTILINE)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {first: rest for first, *rest in cells}


def paper():
    """The paper's curves, where they are beside this checkout."""
    if not REFERENCE.is_file():
        return {}
    table = np.genfromtxt(REFERENCE, delimiter=",", names=True)
    columns = {name: table[name] for name in table.dtype.names if name != "epoch"}
    return {"the paper's curves": (pm.Trajectory(table["epoch"], columns), 113)}


RECORDED = {name: curves(name) for name in MEASURED} | paper()


def cell(value, interval):
    return "–" if value is None else f"{value} ({interval[0]} to {interval[1]})"


def boundaries(trajectory, answers):
    phases = pm.find_phases(trajectory, answers=answers)
    return [cell(getattr(phases, name), interval) for name, interval in phases.intervals(trajectory.steps).items()]


def leads(trajectory, answers):
    found = []
    for change in (0.05, 0.5):
        lead = pm.lead_times(trajectory, answers=answers, change=change)
        found += [cell(getattr(lead, name), interval) for name, interval in lead.intervals(trajectory.steps).items()]
    return found


def spoilt():
    """Five seeds, spoilt in each way: how far boundaries move, beside those of the whole run."""
    ways = {
        "half of the recorded steps": lambda run, generator: thinned(run, generator, share=0.5),
        "a quarter of them": lambda run, generator: thinned(run, generator, share=0.25),
        "noise of 5 %": lambda run, generator: noisy(run, generator, size=0.05),
        "noise of 20 %": lambda run, generator: noisy(run, generator, size=0.2),
        "spikes": lambda run, generator: spiked(run, generator, share=0.05),
    }
    for way, spoil in ways.items():
        generator = np.random.default_rng(0)
        moved, missed = ({boundary: [] for boundary in vars(pm.Phases(0, 0, 0))} for _ in range(2))
        for name in SEEDS:
            trajectory, answers = RECORDED[name]
            whole = vars(pm.find_phases(trajectory, answers=answers))
            for _ in range(DRAWS):
                for boundary, step in vars(pm.find_phases(spoil(trajectory, generator), answers=answers)).items():
                    missed[boundary].append(step is None)
                    if step is not None:
                        moved[boundary].append(abs(step / whole[boundary] - 1))
        yield way, [summary(moved[boundary], missed[boundary]) for boundary in moved]


def summary(moved, missed):
    return f"{np.median(moved):.1%}, {np.quantile(moved, 0.95):.0%}; {np.mean(missed):.0%}"


def controls(name, keys=None):
    model, config = final(RUNS / name)
    op, mask = config.op, config.train_mask
    chosen = pm.key_frequencies(pm.spectrum(model.W_L, op), op) if keys is None else keys
    logits = pm.grid_logits(model, op)
    found = []
    for loss in ("restricted_loss", "excluded_loss"):
        controlled = [
            getattr(control(logits, op, chosen, train_mask=mask), loss)
            for control in (pm.random_frequency_control, pm.shuffled_label_control)
        ]
        found += [f"{float(controlled[0].real):.2g}"]
        found += [f"{each.draws.min():.2g} to {each.draws.max():.2g} ({each.share_below:.2f})" for each in controlled]
    return found


def assert_near(computed, written):
    """The same words, and numbers to 5 % or one in the last digit: other machines round differently."""
    assert [NUMBER.sub("#", each) for each in computed] == [NUMBER.sub("#", each) for each in written]
    for left, right in zip(computed, written, strict=True):
        for one, other in zip(NUMBER.findall(left), NUMBER.findall(right), strict=True):
            unit = 10.0 ** -len(other.partition(".")[2].partition("e")[0]) if "e" not in other else 0.0
            assert abs(float(one) - float(other)) <= max(0.05 * float(other), 1.01 * unit), f"{left} is not {right}"


def test_boundaries():
    written = rows("Boundaries")
    assert set(written) >= set(RECORDED)
    for name, run in RECORDED.items():
        assert boundaries(*run) == written[name], name


def test_spread():
    spread = pm.phase_spread({name: RECORDED[name][0] for name in SEEDS}, answers=113)
    computed = [f"{each.median:.0f} ({each.earliest} to {each.latest})" for each in spread.values()]
    assert computed == rows("Boundaries")["five seeds"]


def test_lead_times():
    written = rows("Lead times")
    assert set(written) >= set(RECORDED)
    for name, run in RECORDED.items():
        assert leads(*run) == written[name], name


def test_what_moves_boundaries():
    written, computed = rows("How far they can be trusted"), dict(spoilt())
    assert set(written) == set(computed)
    for way, cells in computed.items():
        assert_near(cells, written[way])


def at_chance(count, generator, **noise):
    """The share of runs with noise around chance that have an end of memorization, and of circuit formation."""
    found = []
    for _ in range(2 * DRAWS):
        phases = pm.find_phases(never_learned(count, generator, **noise), answers=113)
        found.append([phases.memorization_end is not None, phases.circuit_formation_end is not None])
    return "; ".join(f"{share:.0%}" for share in np.mean(found, axis=0))


NEVER = {
    "2 %": {"size": 0.02},
    "5 %": {"size": 0.05},
    "10 %": {"size": 0.1},
    "20 %": {"size": 0.2},
    "5 %, correlation 0.5": {"size": 0.05, "correlation": 0.5},
    "5 %, correlation 0.8": {"size": 0.05, "correlation": 0.8},
}


def test_runs_that_never_leave_chance():
    written = rows("Runs that never leave chance")
    assert list(written) == list(NEVER)
    for name, noise in NEVER.items():
        generator = np.random.default_rng(0)
        assert_near([at_chance(count, generator, **noise) for count in (10, 20, 40, 100, 200)], written[name])


def not_found(lead, change, spoil):
    """How often a lead time of the five seeds is not found, and its 95th percentile of how far it moves."""
    generator, moved, missed = np.random.default_rng(0), [], []
    for name in SEEDS:
        trajectory, answers = RECORDED[name]
        whole = getattr(pm.lead_times(trajectory, answers=answers, change=change), lead)
        for _ in range(DRAWS):
            found = getattr(pm.lead_times(spoil(trajectory, generator), answers=answers, change=change), lead)
            missed.append(found is None)
            if found is not None:
                moved.append(abs(found / whole - 1))
    return f"{np.mean(missed):.0%}", f"{np.quantile(moved, 0.95):.0%}"


def test_what_moves_lead_times():
    page = " ".join(PAGE.split())
    noise = [not_found("restricted", 0.05, partial(noisy, size=size))[0] for size in (0.05, 0.1, 0.2)]
    half = [not_found("restricted", 0.5, partial(noisy, size=size))[0] for size in (0.05, 0.1, 0.2)]
    thin = [not_found("excluded", change, partial(thinned, share=0.25))[1] for change in (0.05, 0.5)]
    assert "is not found in {} of draws with noise of 5 %, {} with 10 % and {} with 20 %".format(*noise) in page
    assert f"by 50 % of chance in at most {half[-1]}" in page
    assert "the lead time of excluded loss moves by up to {} (95th percentile; {} for 50 %)".format(*thin) in page


def test_what_noise_makes_of_uncertain_bottoms():
    def share(name, spoil):
        trajectory, answers = RECORDED[name]
        generator = np.random.default_rng(0)
        runs = [spoil(trajectory, generator) for _ in range(2 * DRAWS)]
        return np.mean([pm.find_phases(run, answers=answers).memorization_end is not None for run in runs])

    noise = [share("symmetric_5", partial(noisy, size=size)) for size in (0.05, 0.2)]
    thin = [share("symmetric_5", partial(thinned, share=kept)) for kept in (0.5, 0.25)]
    bottom = [share("fraction_80", partial(noisy, size=size)) for size in (0.01, 0.02, 0.05)]
    page = " ".join(PAGE.split())
    assert f"in {noise[0]:.0%} of 200 draws with noise of 5 %, {noise[1]:.0%} with 20 %" in page
    assert f"{thin[0]:.0%} with half of the steps and {thin[1]:.0%} with a quarter" in page
    assert f"found in {bottom[0]:.0%} of 200 draws with noise of 1 %, {bottom[1]:.0%} with 2 %" in page
    assert f"and {bottom[2]:.0%} with 5 %" in page


def test_cuts():
    count, found = 0, {boundary: [] for boundary in vars(pm.Phases(0, 0, 0))}
    for name in MEASURED:
        trajectory, answers = RECORDED[name]
        whole = vars(pm.find_phases(trajectory, answers=answers))
        for cut in cuts(trajectory):
            count += 1
            for boundary, step in vars(pm.find_phases(cut, answers=answers)).items():
                if step is not None:
                    found[boundary].append((name, abs(step / whole[boundary] - 1)))
    memorization, circuit, cleanup = found.values()
    assert all(moved == 0 for _, moved in memorization + circuit)
    seed1, others = ([moved for name, moved in cleanup if (name == "seed1") == one] for one in (True, False))
    sentence = (
        f"In {count} cut runs the first two boundaries, where they are found ({len(memorization)} and {len(circuit)} "
        "times), are those of the whole run without exception. The end of cleanup is found "
        f"{len(cleanup)} times and is another by up to {max(others):.1%}, in `seed1` by up to {max(seed1):.0%}"
    )
    assert sentence in " ".join(PAGE.split())


@pytest.mark.parametrize("name", [name for name in MEASURED if name != "no_weight_decay"])
def test_controls(name):
    assert_near(controls(name), rows("Controls")[name])


@pytest.mark.parametrize("seed", SEEDS[:2])
def test_controls_without_weight_decay(seed):
    keys = pm.key_frequencies(pm.spectrum(final(RUNS / seed)[0].W_L, pm.addition(113)))
    assert_near(controls("no_weight_decay", keys), rows("Controls")[f"no_weight_decay, keys of {seed}"])


def test_controls_of_what_memorizes():
    op = pm.addition(113)
    mask = random_mask(113, fraction=0.3)
    for control in (pm.random_frequency_control, pm.shuffled_label_control):
        loss = control(memorizing_logits(op, mask), op, [5, 6, 14, 41, 42], train_mask=mask).restricted_loss
        assert_near([f"{float(loss.real):.2f}", f"{float(loss.quantiles([0.5])):.2f}"], ["4.21", "4.21"])
    assert "has a restricted loss of 4.21" in PAGE
