"""Pages are held to their numbers and not to their words."""

import pytest
import torch

from tests.docs._numbers import assert_has_numbers, assert_rows, has_numbers, numbers
from tests.docs._pages import rows, section

PAGE = """# Title

Until step 4,600 nothing happens.

## First

It has 96.2 % in frequency 5 and 3.3% in 10, a loss of 2.3e-07,
and −1.50 at step 5,400.

```python
# ## Second
loss = 0.25
```

## Second

| run | here |
|---|---|
| mainline | 433 of 512 (0.77 to 4.9) |
| *seed* 1 | 4630, –0 |

Chance is 4.73; the loss is 0.31.
"""


@pytest.mark.parametrize(
    ("text", "values", "unit"),
    [
        ("4,600", 4600, 1),
        ("40000.", 40000, 1),
        ("2.3e-07", 2.3e-7, 1e-8),
        ("(1.2e-7)", 1.2e-7, 1e-8),
        ("3.6e+05", 3.6e5, 1e4),
        ("96.2 %", 0.962, 0.001),
        ("96.2%", 0.962, 0.001),
        ("0.0055", 0.0055, 1e-4),
        ("−3", -3, 1),
        ("+0.9%", 0.009, 0.001),
    ],
)
def test_numbers_are_read(text, values, unit):
    (found,) = numbers(f"W_3 and float32 in C.1: {text}")
    assert (found.value, found.unit) == pytest.approx((values, unit))


def test_lists_ranges_and_ratios_are_read_apart():
    found = [each.value for each in numbers("5, 6,14, 42; 1/9.7 and 1-3 (-50 to 25)")]
    assert found == [5, 6, 14, 42, 1, 9.7, 1, 3, -50, 25]


@pytest.mark.parametrize(
    ("heading", "values", "has"),
    [
        ("First", [0.962, 0.033], True),
        ("First", [0.9623, 5, 0.0331, 10], True),
        ("First", [2.28e-7, -1.5, 5400], True),
        ("First", [torch.tensor(0.9615), torch.tensor(5400)], False),  # too many numbers between them
        ("First", [0.952], False),  # wrong
        ("First", [2.6e-7], False),
        ("First", [1.5], False),
        ("First", [5401], False),  # counts and steps are exact
        ("First", [0.033, 0.962], False),  # the wrong order
        ("First", [4.73], False),  # of other sections, and of code
        ("First", [4600], False),
        ("First", [0.25], False),
        ("First", [9.6], False),  # 10 is not 9.6 to its digits
        ("First", [5.2], False),  # a single digit is not enough
        ("Second", [4.728], True),
        ("Second", [433, 512, 0.77, 4.9], True),
        ("", [4600], True),
    ],
)
def test_a_section_has_its_numbers(heading, values, has):
    text = section(PAGE, heading)
    assert has_numbers(text, *values) == has
    if not has:
        with pytest.raises(AssertionError, match="are not the numbers of"):
            assert_has_numbers(text, *values)


def test_a_section_that_is_gone_is_missed():
    with pytest.raises(AssertionError, match="no section 'Third'"):
        section(PAGE, "Third")


@pytest.mark.parametrize(
    ("computed", "same"),
    [
        ({"mainline": [[433, 512, 0.75, 4.95]], "seed1": [[4630.0, 0]]}, True),  # a name in other words
        ({"mainline": [[434, 512, 0.77, 4.9]], "seed1": [[4630.0, 0]]}, False),
        ({"mainline": [[433, 512, 0.9, 4.9]], "seed1": [[4630.0, 0]]}, False),
        ({"mainline": [[512, 433, 0.77, 4.9]], "seed1": [[4630.0, 0]]}, False),
        ({"mainline": [[433, 512, 0.77]], "seed1": [[4630.0, 0]]}, False),
        ({"mainline": [[433, 512, 0.77, 4.9]], "seed1": [[4730.0, 0]]}, False),
        ({"mainline": [[433, 512, 0.77, 4.9]]}, False),  # a row that nobody computed
    ],
)
def test_rows_are_compared(computed, same):
    written = {name: row for name, *row in rows(section(PAGE, "Second"))}
    try:
        assert_rows(computed, written)
    except AssertionError:
        assert not same
    else:
        assert same
