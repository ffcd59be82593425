"""Parts of a trajectory, and two trajectories of one run."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st

import progress_measures as pm

NAN = float("nan")
RUN = pm.Trajectory(
    [0, 50, 100, 200],
    {"test_loss": [4.7, 9.0, 0.5, 0.1], "train_loss": [4.7, 1.0, 0.0, 0.0], "vector": np.arange(8.0).reshape(4, 2)},
)


def contents(trajectory):
    """Steps and numbers, with None for nan, which is equal to itself."""
    plain = {name: np.where(np.isnan(x), None, x).tolist() for name, x in trajectory.to_arrays().items()}
    return plain.pop("steps"), plain


# ---------------------------------------------------------------------------------------------------------------------
# select


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (None, ["test_loss", "train_loss", "vector"]),
        ("vector", ["vector"]),
        (["vector", "test_loss"], ["vector", "test_loss"]),
        ((name for name in ["train_loss"]), ["train_loss"]),
        ({"vector": "per frequency", "test_loss": "vector"}, ["per frequency", "vector"]),
        ([], []),
    ],
)
def test_columns_are_selected_in_the_order_asked_for(columns, names):
    selected = RUN.select(columns)
    assert list(selected.columns) == names
    assert torch.equal(selected.steps, RUN.steps)


def test_selected_columns_keep_their_numbers_under_their_new_names():
    selected = RUN.select({"test_loss": "train_loss", "vector": "v"})
    assert torch.equal(selected["train_loss"], RUN["test_loss"])
    assert torch.equal(selected["v"], RUN["vector"])


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (None, [0, 50, 100, 200]),
        (range(50, 200), [50, 100]),
        (range(50, 201), [50, 100, 200]),
        (range(0, 1000, 100), [0, 100, 200]),
        (range(200, 50, -1), [100, 200]),
        ([0, 200], [0, 200]),
        (np.array([50]), [50]),
        (torch.tensor([50, 100]), [50, 100]),
    ],
    ids=str,
)
def test_steps_are_selected_with_their_numbers(steps, expected):
    selected = RUN.select(steps=steps)
    assert selected.steps.tolist() == expected
    rows = [RUN.steps.tolist().index(step) for step in expected]
    for name in RUN.columns:
        assert torch.equal(selected[name], RUN[name][rows])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": range(1, 50)}, ValueError, "`steps` must hold a recorded step, of 4 in 0..200. Got range(1, 50)."),
        ({"steps": [0, 90]}, ValueError, "`steps` must have been recorded. Got 90. The nearest that was is 100."),
        ({"steps": [100, 50]}, ValueError, "`steps` must ascend strictly. Got 50 after 100."),
        ({"steps": [0.5]}, TypeError, "`steps` must be integers. Got float64."),
        ({"columns": 3}, TypeError, "`columns` must be a name, several, or a mapping to new names. Got int."),
        (
            {"columns": {"test_loss": "x", "vector": "x"}},
            ValueError,
            "`columns` must have distinct new names. Got 'x', 'x'.",
        ),
        ({"columns": {"test_loss": 1}}, TypeError, "`columns` must have strings as names. Got 1 (int)."),
    ],
)
def test_what_cannot_be_selected_is_an_error(options, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        RUN.select(**options)


def test_a_column_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(KeyError, match=r"Got 'tset_loss'. Did you mean 'test_loss'\?"):
        RUN.select(["train_loss", "tset_loss"])


# ---------------------------------------------------------------------------------------------------------------------
# merge


def test_merged_has_every_step_and_column_of_both():
    one = pm.Trajectory([0, 100], {"x": [1.0, 2.0], "v": [[1.0, 2.0], [3.0, 4.0]]})
    other = pm.Trajectory([50, 100], {"y": [5.0, 6.0], "x": [9.0, 2.0]})
    assert contents(one.merge(other)) == (
        [0, 50, 100],
        {"x": [1.0, 9.0, 2.0], "v": [[1.0, 2.0], [None, None], [3.0, 4.0]], "y": [None, 5.0, 6.0]},
    )


def test_a_number_takes_the_place_of_what_was_not_measured():
    one, other = pm.Trajectory([0, 1], {"x": [1.0, NAN]}), pm.Trajectory([0, 1], {"x": [NAN, 2.0]})
    assert one.merge(other)["x"].tolist() == other.merge(one)["x"].tolist() == [1.0, 2.0]


def test_neither_trajectory_changes():
    one, other = pm.Trajectory([0], {"x": [1.0]}), pm.Trajectory([1], {"y": [2.0]})
    one.merge(other)
    assert contents(one) == ([0], {"x": [1.0]})
    assert contents(other) == ([1], {"y": [2.0]})


def test_infinities_agree_with_themselves():
    run = pm.Trajectory([0, 1], {"x": [torch.inf, -torch.inf]})
    assert contents(run.merge(run)) == contents(run)


subsets = st.lists(st.sampled_from(range(4)), unique=True, min_size=1).map(sorted)
names = st.lists(st.sampled_from(list(RUN.columns)), unique=True, min_size=1)


@given(subsets, names, subsets, names)
def test_parts_of_a_run_merge_to_what_they_cover(rows, columns, other_rows, other_columns):
    steps = RUN.steps.tolist()
    one = RUN.select(columns, steps=[steps[row] for row in rows])
    other = RUN.select(other_columns, steps=[steps[row] for row in other_rows])
    merged = one.merge(other)
    assert merged.steps.tolist() == [steps[row] for row in sorted({*rows, *other_rows})]
    assert list(merged.columns) == list(dict.fromkeys([*columns, *other_columns]))
    for name in merged.columns:
        for step, value in zip(merged.steps.tolist(), merged[name], strict=True):
            covered = any(name in part and step in part.steps for part in (one, other))
            assert torch.equal(value, RUN[name][steps.index(step)]) if covered else value.isnan().all()
    assert contents(merged.select(list(other.merge(one).columns))) == contents(other.merge(one))


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (
            pm.Trajectory([50, 100], {"test_loss": [9.0, 0.25]}),
            ValueError,
            "`other` must agree with the trajectory wherever both have a number. Got test_loss = 0.25 at step 100, "
            "where it has 0.5. Leave one of them out with select().",
        ),
        (
            pm.Trajectory([200], {"vector": [[6.0, 7.5]]}),
            ValueError,
            "`other` must agree with the trajectory wherever both have a number. Got vector[1] = 7.5 at step 200, "
            "where it has 7.0. Leave one of them out with select().",
        ),
        (
            pm.Trajectory([300], {"vector": [[6.0, 7.0, 8.0]]}),
            ValueError,
            "`other` must have entries of the same shape in 'vector'. Got (3,), where the trajectory has (2,).",
        ),
        (
            pm.Trajectory([300], {"vector": [6.0]}),
            ValueError,
            "`other` must have entries of the same shape in 'vector'. Got (), where the trajectory has (2,).",
        ),
        ({"test_loss": [0.5]}, TypeError, "`other` must be a Trajectory. Got dict."),
    ],
    ids=["number", "entry", "length", "axes", "kind"],
)
def test_what_does_not_fit_together_is_an_error_that_says_where(other, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        RUN.merge(other)


# ---------------------------------------------------------------------------------------------------------------------
# What is shown of it


@pytest.mark.parametrize(
    ("trajectory", "expected"),
    [
        (RUN, "Trajectory(4 steps, 0..200; test_loss, train_loss, vector (2))"),
        (pm.Trajectory([7], {"x": [1.0], "m": torch.zeros(1, 2, 3)}), "Trajectory(1 step, 7..7; x, m (2×3))"),
        (pm.Trajectory([7], {}), "Trajectory(1 step, 7..7)"),
    ],
)
def test_repr_says_how_many_steps_and_which_columns_are_vectors(trajectory, expected):
    assert repr(trajectory) == expected


def cells(html):
    rows = re.findall(r"<tr>(.*?)</tr>", html)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_notebooks_show_a_table():
    run = pm.Trajectory([0, 100], {"x": [1 / 3, NAN], "v": [[3.0, NAN, 2.0], [NAN] * 3], "none": [[], []]})
    assert cells(run._repr_html_()) == [
        ["step", "x", "v<br><small>3 entries</small>", "none<br><small>0 entries</small>"],
        ["0", "0.3333", "2 … 3", "–"],
        ["100", "nan", "–", "–"],
    ]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(1, ["0"]), (11, [str(step) for step in range(11)]), (12, [*"01234", "⋮", *map(str, range(7, 12))])],
)
def test_of_a_long_run_notebooks_show_the_ends(count, shown):
    run = pm.Trajectory(range(count), {"x": torch.zeros(count)})
    table = cells(run._repr_html_())
    assert [row[0] for row in table[1:]] == shown
    assert {len(row) for row in table} == {2}


def test_names_are_escaped_in_notebooks():
    html = pm.Trajectory([0], {"<script>alert('&')</script>": [1.0]})._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;" in html


# ---------------------------------------------------------------------------------------------------------------------
# Complete steps

GAPS = pm.Trajectory(
    [0, 1, 2, 3],
    {
        "a": [1.0, torch.nan, 3.0, 4.0],
        "b": [1.0, 2.0, torch.inf, 4.0],
        "vector": [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0], [1.0, torch.nan]],
        "never": [torch.nan] * 4,
    },
)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("a", [0, 2, 3]),
        (["a", "b"], [0, 3]),
        (("vector",), [0, 1, 2]),
        (iter(["b", "vector"]), [0, 1]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_complete_steps_have_a_finite_number_in_all_of_the_columns(columns, expected):
    complete = GAPS.complete(columns)
    assert complete.steps.tolist() == expected
    assert list(complete.columns) == list(GAPS.columns)
    assert torch.equal(complete["b"], GAPS["b"][expected])


def test_complete_steps_are_of_all_columns_by_default():
    assert GAPS.select(["a", "b", "vector"]).complete().steps.tolist() == [0]
    whole = GAPS.select("a", steps=[0, 2])
    assert whole.complete() is whole


@pytest.mark.parametrize(
    ("columns", "error", "message"),
    [
        (None, ValueError, "`columns` must all be finite at one step at least. Got a at 3, b at 3, vector at 3, "
         "never at 0 of 4 steps, and never together. Name fewer columns."),
        (3, TypeError, "`columns` must be a name, or several. Got int."),
    ],
)  # fmt: skip
def test_nothing_complete_is_an_error(columns, error, message):
    with pytest.raises(error) as caught:
        GAPS.complete(columns)
    assert str(caught.value) == message


def test_complete_of_a_column_that_is_not_there():
    with pytest.raises(KeyError, match="Did you mean 'never'"):
        GAPS.complete(["nevr"])


MANY = pm.Trajectory([0], {f"c{k}": [NAN] for k in range(1020)})
FIRST = [f"c{k}" for k in range(20)]


def some(form="{}"):
    """How a message lists the names of a thousand and twenty columns."""
    return f"{', '.join(map(form.format, FIRST))}, …, 1,000 more"


LISTS = {
    "phases": (
        lambda _: pm.find_phases(MANY, answers=5),
        "`trajectory` must have a number in one of the columns 'train_loss', 'test_loss', 'train_accuracy', "
        f"'test_accuracy', 'excluded_loss', 'restricted_loss', 'sum_squared_weights'. Got {some('{!r}')}. Rename what "
        "is the same by another name: trajectory.select({'its name': 'test_loss'}), or where it is read, "
        "rename={'test_loss': 'its name'} or --rename 'test_loss=its name'.",
    ),
    "complete": (
        lambda _: MANY.complete(),
        f"`columns` must all be finite at one step at least. Got {some('{} at 0')} of 1 steps, and never together. "
        "Name fewer columns.",
    ),
    "select": (
        lambda _: MANY.select({name: name if name in FIRST else "c0" for name in MANY.columns}),
        f"`columns` must have distinct new names. Got {', '.join(map(repr, FIRST))}, …, 1,000 more.",
    ),
    "runs, columns": (
        lambda _: pm.Runs({"a": MANY, "b": pm.Trajectory([0], {"x": [1.0]})}).common(),
        f"`runs` must have a column in common. Got a with {some()}; b with x. Rename columns with select().",
    ),
    "runs, steps": (
        lambda _: pm.Runs({f"c{k}": pm.Trajectory([k], {}) for k in range(1020)}).common(),
        f"`runs` must have a step in common. Got {', '.join(f'c{k} with 1 in {k}..{k}' for k in range(20))}, …, "
        "1,000 more. Nothing is interpolated between steps.",
    ),
    "csv, names": (
        lambda path: pm.Trajectory([0], {f" c{k:04}": [1.0] for k in range(1020)}).to_csv(path),
        "`columns` must have names that a CSV file gives back, without blanks around them, and with name/1, name/2 "
        f"only for the entries of a vector. Got {', '.join(repr(f' c{k:04}') for k in range(20))}, …, 1,000 more. "
        "Rename with select().",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_message_lists_a_few_names_and_says_how_many_more_there_are(tmp_path, name):
    call, message = LISTS[name]
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call(tmp_path / "run.csv")


@pytest.mark.parametrize(("form", "known"), [("c{}", ", …, 1,000 more"), ("a long name {:10}", "… (1,020 in all)")])
def test_a_file_without_steps_lists_a_few_of_its_columns(tmp_path, form, known):
    path = tmp_path / "run.csv"
    path.write_text(",".join(map(form.format, range(1020))) + "\n" + ",".join(["1"] * 1020) + "\n")
    shown = ", ".join(repr(form.format(k)) for k in range(20))[:300]
    message = (
        f"`path` must have a column 'step' or 'epoch'. Got {shown}{known} in {str(path)!r}. "
        "Name the one that holds the steps."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pm.Trajectory.from_csv(path)
