"""Which axes of weights may have the tokens of an operation, as far as sizes can tell."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from progress_measures.operations.operation import Operation

SPECIAL = 4  # the tokens that a vocabulary commonly has after those of the elements: a separator, begin, end, padding


@dataclass(frozen=True)
class Axes:
    """What the axes of weights may be."""

    fitting: list[int]
    """Those as long as the elements or a vocabulary."""
    one_hot: dict[int, int]
    """Those as long as several one-hot tokens, one after the other, and how wide each is."""
    roomy: list[int]
    """Those on which the tokens find room."""

    @property
    def only(self) -> int | None:
        """The axis of the tokens, if sizes leave no other."""
        return self.fitting[0] if len(self.fitting) == 1 and not self.one_hot else None

    @property
    def possible(self) -> list[int]:
        """The axes that a message has to name."""
        return self.fitting if self.fitting and not self.one_hot else self.roomy

    def what(self, axis: int) -> str:
        """What an axis may be, in words."""
        return f"axis {axis} has {'one-hot tokens' if axis in self.one_hot else 'the tokens'}"


def axes_of(shape: Sequence[int], op: Operation, lengths: Collection[int] = (), *, one_hot: bool = True) -> Axes:
    """What the axes of weights may be.

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
    """The number of tokens up to the last of the elements'."""
    return int(op.elements.max()) + 1


def _widths_of_one_hot(op: Operation) -> dict[int, int]:
    """How wide a one-hot token is, by how wide those of an input are together.

    They are the operands', as wide as the elements or their vocabulary; or there are others, each a token more.
    """
    operands, count = op.inputs.shape[1], smallest_vocabulary(op)
    return {operands * op.n: op.n} | {(operands + more) * (count + more): count + more for more in range(3)}
