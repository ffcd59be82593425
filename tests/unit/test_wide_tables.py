"""Tables that were wider than a terminal, and a file of names that was read back as another."""

import csv

import pytest

import progress_measures as pm

RUN = {"train_accuracy": [0.1, 1.0], "test_accuracy": [0.1, 1.0]}


def test_effects_of_long_names_show_the_measures_that_fit():
    intact = {f"a_measure_with_a_long_name_{number}": 0.5 for number in range(6)}
    effects = pm.ablation.AblationEffects(intact, {"mlp": dict.fromkeys(intact, 1.5)})
    head, *_, last = str(effects).splitlines()
    assert head.count("change") == 2
    assert max(map(len, str(effects).splitlines())) <= 120
    assert last == "… and 4 more measures: dict(effects) has all of them"
    wide = pm.ablation.AblationEffects({"x" * 150: 0.5}, {"mlp": {"x" * 150: 1.5}})
    assert "1.5" in str(wide)  # one measure is always there
    row = dict.fromkeys(("x" * 70, "y" * 70), 0.5)
    two = pm.ablation.AblationEffects(row, {"mlp": row})
    assert str(two).endswith("and 1 more measure: dict(effects) has all of them")


def test_many_key_frequencies_are_counted(tmp_path):
    run = pm.Trajectory([0, 100], RUN | {"key_frequencies": [[1.0] * 56] * 2})
    summary = pm.phases.summary({"seed 0": run, "seed 1": run}, answers=113)
    assert "1 2 3 4 5 6 7 8 9 10 … 46 more" in str(summary)
    assert max(map(len, str(summary).splitlines())) <= 120
    summary.to_csv(tmp_path / "runs.csv")
    with (tmp_path / "runs.csv").open(newline="") as lines:
        assert next(csv.DictReader(lines))["key_frequencies"] == " ".join(map(str, range(1, 57)))


def test_a_csv_file_tells_no_key_frequency_from_none_recorded(tmp_path):
    none = pm.Trajectory([0, 100], RUN | {"key_frequencies": [[0.0] * 56] * 2})
    pm.phases.summary({"none": none, "not recorded": pm.Trajectory([0, 100], RUN)}, answers=113).to_csv(tmp_path / "r")
    with (tmp_path / "r").open(newline="") as lines:
        assert [line["key_frequencies"] for line in csv.DictReader(lines)] == ["none", ""]


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", 'a,"b', " a "])
def test_names_of_runs_come_back_from_a_csv_file(name, tmp_path):
    pm.phases.summary({name: pm.Trajectory([0, 100], RUN), "other": pm.Trajectory([0, 100], RUN)}, answers=113).to_csv(
        tmp_path / "runs.csv"
    )
    with (tmp_path / "runs.csv").open(newline="") as lines:
        assert [line["run"] for line in csv.DictReader(lines)] == [name, "other"]
