"""The numbers of docs/comparison.md are those of the bundled curves."""

import json
import math
import re
from pathlib import Path

import pytest

from examples.comparison.findings import CURVES, compare, load
from examples.comparison.measures import MEASURES
from examples.comparison.report import table
from tests.docs._numbers import assert_has_numbers
from tests.docs._pages import section

PAGE = (Path(__file__).parents[2] / "docs" / "comparison.md").read_text(encoding="utf-8")
CLAIMS = section(PAGE, "What the runs show")


@pytest.fixture(scope="module")
def runs():
    return load()


@pytest.fixture(scope="module")
def rows(runs):
    costs = json.loads((CURVES / "costs.json").read_text(encoding="utf-8"))
    return {row.title: row for row in compare(runs, costs)}


def moving(rows):
    """Rows of measures that change in the seeds at all."""
    return [row for row in rows.values() if not math.isnan(row.median(0.5))]


def test_the_table_is_what_the_command_prints(rows):
    assert table(rows.values()) in PAGE


def test_the_runs_are_as_the_page_says(runs):
    falls = [run.test_fall.step for run in runs if run.kind == "seed"]
    assert_has_numbers(PAGE, round(min(falls), -1), round(max(falls), -1))
    assert [sum(run.kind == kind for run in runs) for kind in ("seed", "task", "never", "at once")] == [5, 4, 4, 1]


@pytest.fixture(scope="module")
def later():
    """The same, measured from step 1400 on."""
    return {row.title: row for row in compare(load(since=1400), {})}


def test_what_moves_first_finishes_memorization(rows, later):
    first = ["training loss", "largest Hessian eigenvalue", "Hessian trace"]
    for title in [*first, "commutator defect"]:
        assert rows[title].measure.known == "nothing"
        assert rows[title].median(0.5) < 0.135
        assert rows[title].false[0.5] >= 2
    ratio = rows["Fourier coefficient ratio of W_E"]
    assert ratio.measure.known == "operation"
    assert ratio.false[0.5] >= 2
    assert_has_numbers(CLAIMS, max(row.median(0.5) for row in (ratio, *(rows[title] for title in first))))
    assert [rows[title].false[0.5] for title in first] == [4, 4, 4]
    assert [sum(lead < 0 for lead in later[title].leads[0.5]) for title in first] == [5, 4, 5]


def test_the_first_that_never_moves_in_vain(rows):
    never = [row for row in moving(rows) if row.false == {0.1: 0, 0.5: 0}]
    first = [row.title for row in never][:5]
    excluded = ["excluded loss, log", "excluded loss, linear"]
    assert first == ["gradient symmetricity", *excluded, "share of a∘b in the logits", "circularity of W_E"]
    assert_has_numbers(CLAIMS, *(rows[title].median(0.5) for title in first))
    assert all((min(rows[title].leads[0.5]) > 0) == (title != "circularity of W_E") for title in first)


def test_they_are_the_first_from_a_later_step_on_too(rows, later):
    first = [row.title for row in moving(rows) if row.false == {0.1: 0, 0.5: 0}][:5]
    assert_has_numbers(CLAIMS, *(later[title].median(0.5) for title in first))
    assert {later[title].false[0.5] for title in first} == {0}
    assert [title for title in first if later[title].false[0.1]] == ["excluded loss, log"]
    assert later["excluded loss, log"].false[0.1] == 1


def test_the_runs_do_not_decide_between_the_first_two(runs, rows, later):
    first = "gradient symmetricity", "excluded loss, log"
    text = CLAIMS[CLAIMS.index("do not decide") :]
    for title in first:
        leads = sorted(rows[title].leads[0.5])
        assert_has_numbers(text, *(round(steps, -2) for steps in (leads[2], leads[0], leads[-1])))
    gaps = [a - b for a, b in zip(*(rows[title].leads[0.5] for title in first), strict=True)]
    steps = next(run for run in runs if run.name == "seed0").curves.steps
    apart = int(steps[steps >= 2000].diff()[:-1].max())
    assert_has_numbers(text, apart)
    assert abs(sorted(gaps)[2]) < apart
    assert min(gaps) < 0 < max(gaps)
    assert later[first[0]].median(0.5) > later[first[1]].median(0.5)
    s5 = next(run for run in runs if run.name == "symmetric_5").change("gradient_symmetricity", "linear")[1]
    assert s5 < 0 < min(run.change("gradient_symmetricity", "linear")[1] for run in runs if run.kind == "seed")
    assert_has_numbers(text, 1 - 0.05 ** (1 / 4), 0.05)


def test_nothing_leads_by_much_where_a_network_generalizes_at_once(runs, rows):
    assert_has_numbers(CLAIMS, max(row.at_once for row in rows.values() if row.at_once is not None))
    assert_has_numbers(CLAIMS, next(run.test_fall.step for run in runs if run.kind == "at once"))


def test_earlier_ones_move_by_a_tenth_in_vain_but_not_by_half(rows, later):
    titles = ["restricted loss, linear", "Fourier frequency density of W_E", "excluded loss of the neurons"]
    for title in titles:
        assert rows[title].false[0.5] == 0 < rows[title].false[0.1]
    assert_has_numbers(CLAIMS, *(rows[title].median(0.5) for title in titles))
    assert [rows[title].false[0.1] for title in titles] == [3, 1, 1]
    assert [later[title].false[0.5] for title in titles] == [1, 0, 2]


def test_the_scale_decides_about_restricted_loss(rows):
    log, linear = rows["restricted loss, log"].median(0.5), rows["restricted loss, linear"].median(0.5)
    assert log > 1 > 0.5 > linear
    assert_has_numbers(CLAIMS, linear, log)


def test_what_comes_with_test_loss_or_after_it(rows):
    titles = [
        "Gini of W_L", "inverse participation ratio of W_L", "Gini of W_E", "normalized margin", "activation sparsity",
        "gradient signal over noise", "effective sparsity", "cosine of training and test gradients",
    ]  # fmt: skip
    for title in titles:
        leads = [steps for steps in rows[title].leads[0.5] if steps is not None]
        assert len(leads) >= 4, title
        assert max(leads) < 0, title


def test_other_tasks(runs, rows, later):
    ahead = {
        "restricted loss, linear": 4, "excluded loss, log": 4,
        "share of a∘b in the logits": 3, "gradient symmetricity": 2,
    }  # fmt: skip
    for title, count in ahead.items():
        onsets = {task: each[0.5] for task, each in rows[title].tasks.items()}
        before = sorted(x for x in onsets.values() if x < 1)
        assert len(before) == count, title
        if count > 2:
            assert_has_numbers(CLAIMS, before[0], before[-1])
    fallen = [run for run in runs if run.kind == "task" and run.test_fall.step < 1400]
    assert [run.name for run in fallen] == ["division"]
    assert_has_numbers(CLAIMS, round(fallen[0].test_fall.step, -1))
    for title in ("restricted loss, linear", "excluded loss, log"):
        assert sum(each[0.5] < 1 for each in later[title].tasks.values()) == 3
    assert len(rows["gradient symmetricity"].tasks) == 3
    assert math.isnan(rows["share of a∘b in the logits"].tasks["symmetric_5"][0.5])


def test_every_measure_has_a_link_to_its_definition():
    linked = [name.strip() for name in re.split("[|;:]", section(PAGE, "Definitions"))]
    assert all(linked.count(each.title) == 1 for each in MEASURES.values())


def test_random_answers_have_no_distance(rows):
    others = {row.controls for title, row in rows.items() if title != "distance irrelevance"}
    assert (others, rows["distance irrelevance"].controls) == ({4}, 3)
