"""The numbers of the bundled checkpoints are those in the table; ``measured.py`` says how it is made.

Their movement without any mistake was measured with PyTorch 2.4.0 and 2.13.0, NumPy 1.26.0 and 2.4.6, SciPy
1.11.2 and 1.17.1, one thread and two, and with PyTorch's and MKL's vector instructions switched off: by up to 3e-15 of
the largest number of a row where the model runs in float64, and by 2e-8 where it runs in float32. The tolerances leave
room for other processors; a changed definition moves numbers by far more.
"""

import json

import numpy as np
import pytest

from docs.public_names import PUBLIC
from tests.values.measured import TABLE, difference, kept, table, tolerance, written

pytestmark = pytest.mark.filterwarnings("ignore:.frequencies. are none", "ignore:No frequency is key")  # asked for here

EXPECTED = json.loads(TABLE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found():
    return table()


def test_the_table_is_of_public_names():
    assert set(EXPECTED) <= set(PUBLIC)


@pytest.mark.parametrize("function", EXPECTED)
def test_numbers_are_those_of_the_table(found, function):
    assert list(found[function]) == list(EXPECTED[function])
    moved = {case: difference(row, EXPECTED[function][case]) for case, row in found[function].items()}
    assert {case: by for case, by in moved.items() if not by <= tolerance(function, case)} == {}


def test_the_table_is_what_its_command_writes(found):
    assert list(found) == list(EXPECTED)
    assert written(EXPECTED) == TABLE.read_text(encoding="utf-8")


def test_the_command_changes_no_row_that_is_the_same_to_rounding():
    stored = {"gini": {"one": [1.0, 2.0], "float32": [1.0]}, "accuracy": {"": [0.5]}}
    found = {"accuracy": {"": [0.5 + 1e-15]}, "gini": {"one": [1.0, 2.0 + 1e-12], "float32": [1.1], "new": [3.0]}}
    expected = {"accuracy": {"": [0.5 + 1e-15]}, "gini": {"one": [1.0, 2.0], "float32": [1.1], "new": [3.0]}}
    assert kept(found, stored) == expected


def test_a_number_that_moves_is_seen():
    assert difference([1.0, 2.0 + 1e-10, None], [1.0, 2.0, None]) == pytest.approx(5e-11, rel=1e-3)
    assert np.isnan(difference([1.0, np.nan], [1.0, 2.0]))
    with pytest.raises(AssertionError):
        difference([1.0, None], [1.0, 2.0])
