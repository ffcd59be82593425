"""Rules for which steps to record, as functions of the step."""

from collections.abc import Callable

from progress_measures._checks.values import check_integer

Rule = Callable[[int], bool]
DECADES = 15  # no run is longer than 10^15 steps


def log_spaced(per_decade: int = 20) -> Rule:
    """A rule for a :class:`Recorder`: step 0, and steps evenly spaced in their logarithms.

    It records as many steps from 100 to 1000 as from 10,000 to 100,000, so you need not know the length of the run.

    Args:
        per_decade: The number of steps from one power of ten to the next. Powers of ten are recorded.

    Returns:
        A function of the step.

    Raises:
        TypeError: If ``per_decade`` is not an integer.
        ValueError: If it is less than 1.

    See Also:
        :func:`sqrt_spaced`: if you know the length of the run and its late phases matter.

    Example:
        >>> [step for step in range(1001) if pm.log_spaced(3)(step)]
        [0, 1, 2, 5, 10, 22, 46, 100, 215, 464, 1000]
    """
    per_decade = check_integer(per_decade, "per_decade", at_least=1)
    steps = {round(10 ** (index / per_decade)) for index in range(DECADES * per_decade + 1)}
    return frozenset({0, *steps}).__contains__


def sqrt_spaced(last: int, count: int = 100) -> Rule:
    """A rule for a :class:`Recorder`: steps from 0 to the last one, evenly spaced in their square roots.

    Steps are dense early in the run, when much happens, and dense enough later to resolve slow phases.

    Args:
        last: The last step of the run.
        count: The number of steps to record, including the first and the last. Fewer are recorded if some coincide.

    Returns:
        A function of the step.

    Raises:
        TypeError: If an argument is not an integer.
        ValueError: If ``last`` is less than 1, or ``count`` less than 2.

    See Also:
        :func:`log_spaced`: if you do not know the length of the run.

    Example:
        >>> [step for step in range(1001) if pm.sqrt_spaced(1000, 6)(step)]
        [0, 40, 160, 360, 640, 1000]
    """
    last = check_integer(last, "last", at_least=1)
    count = check_integer(count, "count", at_least=2)
    return frozenset(round(last * (index / (count - 1)) ** 2) for index in range(count)).__contains__
