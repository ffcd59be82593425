"""The numbers of docs/phases.md are those that the library gives."""

import itertools
import math
import re
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

import progress_measures as pm
from examples.modular_addition.bundled import RUNS, final
from progress_measures.phases.columns import check_known
from progress_measures.phases.ends import ends
from tests._planted import memorizing_logits, random_mask
from tests._runs import MEASURED, SEEDS, curves, cuts, never_learned, noisy, spiked, thinned
from tests.docs._numbers import assert_has_numbers, assert_rows, numbers
from tests.docs._pages import rows, section
from tests.trust._draws import BOUNDARIES, draws
from tests.trust._methods import METHODS
from tests.trust._score import tallies

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "phases.md").read_text(encoding="utf-8")
REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "mainline_curves.csv"
DRAWS = 100
CHANGES = (0.05, 0.5)  # the shares of chance that the page has lead times for


def table(heading, columns):
    """The rows of so many numbers below a heading, by their names."""
    found = {name: cells for name, *cells in rows(section(PAGE, heading)) if len(cells) == columns}
    assert found, f"no such table below {heading!r}: its numbers would not be checked"
    return found


def paper():
    """The paper's curves, where they are beside this checkout."""
    if not REFERENCE.is_file():
        return {}
    table = np.genfromtxt(REFERENCE, delimiter=",", names=True)
    columns = {name: table[name] for name in table.dtype.names if name != "epoch"}
    return {"the paper's curves": (pm.Trajectory(table["epoch"], columns), 113)}


RECORDED = {name: curves(name) for name in MEASURED} | paper()
ABSENT = {"the paper's curves"} - RECORDED.keys()  # their rows are checked where the reference data are


def steps_of(trajectory, answers):
    """The boundaries of ``find_phases``, which also finds those of the first part of a run, to say what has settled."""
    found = ends(check_known(trajectory), math.log(answers))
    return {boundary: event.step for boundary, event in found.items()}


def test_steps_are_those_that_are_found_with_what_settled():
    generator = np.random.default_rng(1)
    ways = [partial(thinned, share=0.5), partial(noisy, size=0.2), partial(spiked, share=0.05)]
    runs = [spoil(RECORDED[name][0], generator) for spoil in ways for name in (*SEEDS, "symmetric_5", "fraction_80")]
    runs += [never_learned(count, generator, **noise) for noise in NEVER.values() for count in (10, 40, 200)]
    for run in runs:
        assert steps_of(run, 113) == vars(pm.find_phases(run, answers=113))


def cell(value, interval):
    return [] if value is None else [value, *interval]


def boundaries(trajectory, answers):
    phases = pm.find_phases(trajectory, answers=answers)
    return [cell(getattr(phases, name), interval) for name, interval in phases.intervals(trajectory.steps).items()]


def leads(trajectory, answers):
    found = []
    for change in CHANGES:
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
                for boundary, step in steps_of(spoil(trajectory, generator), answers).items():
                    missed[boundary].append(step is None)
                    if step is not None:
                        moved[boundary].append(abs(step / whole[boundary] - 1))
        yield way, [summary(moved[boundary], missed[boundary]) for boundary in moved]


def summary(moved, missed):
    return [np.median(moved), np.quantile(moved, 0.95), np.mean(missed)]


def controls(name, keys=None):
    model, config = final(RUNS / name)
    op, mask = config.op, config.train_mask
    chosen = pm.key_frequencies(pm.spectrum(model.W_L, op), op) if keys is None else keys
    logits = pm.grid_logits(model, op)
    both = [
        control(logits, op, chosen, train_mask=mask)
        for control in (pm.random_frequency_control, pm.shuffled_label_control)
    ]
    found = []
    for loss in ("restricted_loss", "excluded_loss"):
        controlled = [getattr(control, loss) for control in both]
        found += [[float(controlled[0].real)]]
        found += [[float(each.draws.min()), float(each.draws.max()), float(each.share_below)] for each in controlled]
    return found


def test_boundaries():
    computed = {name: boundaries(*run) for name, run in RECORDED.items()}
    spread = pm.phase_spread({name: RECORDED[name][0] for name in SEEDS}, answers=113)
    computed["five seeds"] = [[round(each.median), each.earliest, each.latest] for each in spread.values()]
    assert_rows(computed, table("Boundaries", 3), besides=ABSENT)


def test_lead_times():
    assert_rows({name: leads(*run) for name, run in RECORDED.items()}, table("Lead times", 4), besides=ABSENT)


def test_what_moves_boundaries():
    assert_rows(dict(spoilt()), table("How far they can be trusted", 3))


def at_chance(count, generator, **noise):
    """The share of runs with noise around chance that have an end of memorization, and of circuit formation."""
    found = []
    for _ in range(2 * DRAWS):
        steps = steps_of(never_learned(count, generator, **noise), 113)
        found.append([steps["memorization_end"] is not None, steps["circuit_formation_end"] is not None])
    return np.mean(found, axis=0).tolist()


NEVER = {
    "2 %": {"size": 0.02},
    "5 %": {"size": 0.05},
    "10 %": {"size": 0.1},
    "20 %": {"size": 0.2},
    "5 %, correlation 0.5": {"size": 0.05, "correlation": 0.5},
    "5 %, correlation 0.8": {"size": 0.05, "correlation": 0.8},
    "spikes": {"spikes": 0.05},
}


def test_runs_that_never_leave_chance():
    computed = {}
    for name, noise in NEVER.items():
        generator = np.random.default_rng(0)
        computed[name] = [at_chance(count, generator, **noise) for count in (10, 20, 40, 100, 200)]
    assert_rows(computed, table("Runs that never leave chance", 5))


READ = {
    "restricted": ["test_loss", "restricted_loss"],
    "excluded": ["test_loss", "excluded_loss", "train_loss"],
}  # the columns that each lead time depends on


def lead_of(lead, trajectory, answers, change):
    return getattr(pm.lead_times(trajectory.select(READ[lead]), answers=answers, change=change), lead)


def not_found(lead, spoil):
    """How often each lead time of the five seeds is not found, and its 95th percentile of how far it moves.

    By 5 % and by 50 % of chance, of the same draws.
    """
    generator, moved, missed = np.random.default_rng(0), ([], []), ([], [])
    for name in SEEDS:
        trajectory, answers = RECORDED[name]
        whole = [lead_of(lead, trajectory, answers, change) for change in CHANGES]
        for _ in range(DRAWS):
            spoilt = spoil(trajectory, generator)
            for place, change in enumerate(CHANGES):
                found = lead_of(lead, spoilt, answers, change)
                missed[place].append(found is None)
                if found is not None:
                    moved[place].append(abs(found / whole[place] - 1))
    return np.mean(missed, axis=1), [np.quantile(each, 0.95) for each in moved]


@pytest.mark.parametrize("spoil", [partial(noisy, size=0.2), partial(thinned, share=0.25)])
def test_lead_times_depend_on_the_columns_that_they_are_computed_from_here(spoil):
    generator = np.random.default_rng(1)
    for name in SEEDS:
        trajectory, answers = RECORDED[name]
        spoilt = spoil(trajectory, generator)
        for lead, change in itertools.product(READ, CHANGES):
            with_all = getattr(pm.lead_times(spoilt, answers=answers, change=change), lead)
            assert lead_of(lead, spoilt, answers, change) == with_all


def test_what_moves_lead_times():
    noise = [not_found("restricted", partial(noisy, size=size))[0] for size in (0.05, 0.1, 0.2)]
    _, thin = not_found("excluded", partial(thinned, share=0.25))
    assert_has_numbers(section(PAGE, "Lead times"), *(small for small, _ in noise), noise[-1][1])
    assert_has_numbers(section(PAGE, "Lead times"), *thin)


def test_onsets_of_noise_alone():
    generator, shares = np.random.default_rng(0), []
    for count in (5, 10, 20, 40):
        runs = [pm.Trajectory(range(count), {"m": 1 + 0.05 * generator.normal(size=count)}) for _ in range(1000)]
        shares.append(np.mean([pm.phases.onset(run, "m").step is not None for run in runs]))
    assert [round(100 * share) for share in shares] == [14, 7, 2, 0]
    assert_has_numbers(section(PAGE, "Lead times"), *shares[:3])


def test_what_noise_makes_of_uncertain_bottoms():
    def share(name, spoil, *, without=()):
        trajectory, answers = RECORDED[name]
        trajectory = trajectory.select([column for column in trajectory.columns if column not in without])
        generator = np.random.default_rng(0)
        runs = [spoil(trajectory, generator) for _ in range(2 * DRAWS)]
        return np.mean([steps_of(run, answers)["memorization_end"] is not None for run in runs])

    computed = {}
    for percent in (5, 20):
        computed[f"`symmetric_5`, noise of {percent} %"] = share("symmetric_5", partial(noisy, size=percent / 100))
    for name, kept in {"half of the recorded steps": 0.5, "a quarter of them": 0.25}.items():
        computed[f"`symmetric_5`, {name}"] = share("symmetric_5", partial(thinned, share=kept))
    for percent in (1, 2, 5):
        found = share("fraction_80", partial(noisy, size=percent / 100), without=["train_loss"])
        computed[f"`fraction_80`, noise of {percent} %"] = found
    written = table("How far they can be trusted", 1)
    assert written.keys() == computed.keys()
    assert_rows({name: [[found]] for name, found in computed.items()}, written)


@cache
def phases_of_cuts():
    """Each bundled run's phases, and those of the run as it was after each recorded step."""
    return {
        name: (
            pm.find_phases(RECORDED[name][0], answers=RECORDED[name][1]),
            [pm.find_phases(cut, answers=RECORDED[name][1]) for cut in cuts(RECORDED[name][0])],
        )
        for name in MEASURED
    }


def test_cuts():
    count, found = 0, {boundary: [] for boundary in vars(pm.Phases(0, 0, 0))}
    for name, (whole, of_cuts) in phases_of_cuts().items():
        count += len(of_cuts)
        for phases in of_cuts:
            for boundary, step in vars(phases).items():
                if step is not None:
                    found[boundary].append((name, abs(step / vars(whole)[boundary] - 1)))
    memorization, circuit, cleanup = found.values()
    assert all(moved == 0 for _, moved in memorization + circuit)
    seed1, others = ([moved for name, moved in cleanup if (name == "seed1") == one] for one in (True, False))
    times = (len(memorization), len(circuit), len(cleanup))
    assert_has_numbers(section(PAGE, "How far they can be trusted"), count, *times, max(others), max(seed1))


def test_settled_ends_of_cleanup_of_cut_runs():
    moved = {True: [], False: []}
    for whole, of_cuts in phases_of_cuts().values():
        for event in (phases.events["cleanup_end"] for phases in of_cuts):
            if event.step is not None:
                moved[event.settled].append(abs(event.step / whole.cleanup_end - 1))
    text = section(PAGE, "Columns to log")
    assert_has_numbers(text, len(moved[True]), len(moved[False]), max(moved[False]))
    assert 0.015 < max(moved[True]) < 0.02


def test_a_run_that_comes_undone():
    steps = np.arange(0, 10_001, 100)

    def end(start, stop):
        undone = (start <= steps) & (steps < stop)
        run = pm.Trajectory(steps, {"test_loss": np.where((steps < 2000) | undone, 6.0, 0.5)})
        return round(pm.find_phases(run, answers=113).circuit_formation_end, -2)

    assert_has_numbers(section(PAGE, "Boundaries"), end(3000, 3500), 10_000, 3000, 3500, 500, end(3000, 3500))
    assert_has_numbers(section(PAGE, "Boundaries"), 5000, 6000, end(5000, 6000))


def test_the_code_of_the_page(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(code, {})
    assert capsys.readouterr().out == (
        "Phases(memorization_end=1200 (1000 to 1400), circuit_formation_end=4630 (4600 to 4800), "
        "cleanup_end=None: not recorded)\ncircuit formation\n"
    )


def test_synthetic_runs_are_judged_as_the_table_says():
    found = [(each, METHODS["find_phases"](each.trajectory, each.answers)) for each in draws(600)]
    written = table("Compared with other methods", 3)["find_phases"]
    for boundary, cell in zip(BOUNDARIES, written, strict=True):
        missed, off, alarms = (each.value for each in numbers(cell))
        tally = tallies(found, lambda _: "all")[boundary, "all"]
        assert tally.missed / tally.truths == pytest.approx(missed, abs=0.02)
        assert tally.off / tally.truths == pytest.approx(off, abs=0.02)
        assert tally.alarms / tally.without == pytest.approx(alarms, abs=0.02)


def test_controls():
    computed = {name: controls(name) for name in MEASURED if name != "no_weight_decay"}
    for seed in SEEDS[:2]:
        keys = pm.key_frequencies(pm.spectrum(final(RUNS / seed)[0].W_L, pm.addition(113)))
        computed[f"no_weight_decay, keys of {seed}"] = controls("no_weight_decay", keys)
    assert_rows(computed, table("Controls", 6))


def test_controls_of_what_memorizes():
    op = pm.addition(113)
    logits, mask = memorizing_logits(op, random_mask(113, fraction=0.3)), random_mask(113, fraction=0.3)
    frequencies, labels = (
        control(logits, op, [5, 6, 14, 41, 42], train_mask=mask).restricted_loss
        for control in (pm.random_frequency_control, pm.shuffled_label_control)
    )
    assert float(frequencies.quantiles([0.5])) == pytest.approx(float(frequencies.real), rel=0.01)  # as much
    assert_has_numbers(section(PAGE, "Controls"), frequencies.real, float(labels.quantiles([0.5])))
