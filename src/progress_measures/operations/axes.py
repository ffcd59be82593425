"""Which axes of weights may be over the tokens of an operation, judged by their sizes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from progress_measures.operations.operation import Operation

SPECIAL = 4  # tokens that a vocabulary commonly has after the elements: a separator, begin, end, padding


@dataclass(frozen=True)
class Axes:
    """The axes of weights, by what they may be over."""

    fitting: list[int]
    """Axes as long as the elements or a vocabulary."""
    one_hot: dict[int, int]
    """Axes as long as several concatenated one-hot tokens, with the width of one token."""
    roomy: list[int]
    """Axes that are long enough for the tokens."""

    @property
    def only(self) -> int | None:
        """The axis of the tokens, if the sizes leave only one."""
        return self.fitting[0] if len(self.fitting) == 1 and not self.one_hot else None

    @property
    def possible(self) -> list[int]:
        """The axes to name in a message."""
        return self.fitting if self.fitting and not self.one_hot else self.roomy

    def what(self, axis: int) -> str:
        """A guess at an axis, in words."""
        return f"axis {axis} has {'one-hot tokens' if axis in self.one_hot else 'the tokens'}"


def axes_of(shape: Sequence[int], op: Operation, lengths: Collection[int] = (), *, one_hot: bool = True) -> Axes:
    """The axes of weights, by what they may be over.

    Args:
        shape: The shape of the weights.
        op: The operation.
        lengths: Other lengths that an axis of tokens may have.
        one_hot: Whether inputs may be one-hot tokens.
    """
    count = smallest_vocabulary(op)
    widths = _widths_of_one_hot(op) if one_hot else {}
    likely = {*range(count, count + SPECIAL + 1), *lengths}
    roomy = [axis for axis, size in enumerate(shape) if size >= count or size in lengths]
    fitting = [axis for axis in roomy if shape[axis] in likely]
    several = {axis: widths[shape[axis]] for axis in roomy if axis not in fitting and shape[axis] in widths}
    return Axes(fitting, several, roomy)


def smallest_vocabulary(op: Operation) -> int:
    """The size of the smallest vocabulary that has all elements."""
    return int(op.elements.max()) + 1


def _widths_of_one_hot(op: Operation) -> dict[int, int]:
    """The width of one one-hot token, by the total width of an input.

    Tokens are those of the operands, as wide as the elements or their vocabulary. There may be up to two more, each of
    which is also a token more in the vocabulary.
    """
    operands, count = op.inputs.shape[1], smallest_vocabulary(op)
    return {operands * op.n: op.n} | {(operands + more) * (count + more): count + more for more in range(3)}
