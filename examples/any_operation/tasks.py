"""Twelve operations of Power et al. (2022), each in a line or two."""

from collections.abc import Callable

import progress_measures as pm

P = 31
S5 = pm.groups.symmetric_group(5)
COMPOSE, INVERSE = S5.table.tolist(), (S5.table == 0).int().argmax(1).tolist()  # element 0 is the identity


def modulo(function: Callable[[int, int], int], name: str) -> pm.Operation:
    """A function of two numbers modulo p, with the answers 0..p-1."""
    return pm.operation(lambda x, y: function(x, y) % P, P, P, name=name)


def divide_or_subtract(x: int, y: int) -> int:
    """X / y for an odd y, otherwise x - y."""
    return (x * pow(y, -1, P) if y % 2 else x - y) % P


def of_permutations(function: Callable[[int, int], int], name: str) -> pm.Operation:
    """A function of two permutations of five things, with the representations of S5 for its answers."""
    return pm.operation(function, S5.n, S5.n, answers=S5, name=name)


OPERATIONS = {
    "x + y": lambda: pm.addition(P),
    "x − y": lambda: pm.subtraction(P),
    "x / y": lambda: pm.division(P, zero=True),
    "x / y or x − y": lambda: pm.operation(divide_or_subtract, P, range(1, P), answers=P),
    "x² + y²": lambda: modulo(lambda x, y: x * x + y * y, "x² + y²"),
    "x² + xy + y²": lambda: modulo(lambda x, y: x * x + x * y + y * y, "x² + xy + y²"),
    "x² + xy + y² + x": lambda: modulo(lambda x, y: x * x + x * y + y * y + x, "x² + xy + y² + x"),
    "x³ + xy": lambda: modulo(lambda x, y: x**3 + x * y, "x³ + xy"),
    "x³ + xy² + y": lambda: modulo(lambda x, y: x**3 + x * y * y + y, "x³ + xy² + y"),
    "xy in S5": lambda: S5,
    "xyx⁻¹ in S5": lambda: of_permutations(lambda x, y: COMPOSE[COMPOSE[x][y]][INVERSE[x]], "xyx⁻¹"),
    "xyx in S5": lambda: of_permutations(lambda x, y: COMPOSE[COMPOSE[x][y]][x], "xyx"),
}

# The share of training inputs, and the number of steps.
TRAINING = dict.fromkeys(OPERATIONS, (0.8, 10_000)) | {
    "x² + xy + y²": (0.8, 80_000),
    "x² + xy + y² + x": (0.8, 80_000),
    "x³ + xy": (0.8, 30_000),
    "x³ + xy² + y": (0.8, 30_000),
    "xy in S5": (0.5, 4_000),
    "xyx⁻¹ in S5": (0.8, 4_000),
    "xyx in S5": (0.8, 4_000),
}


def file_name(name: str) -> str:
    """The name of an operation's file, in ASCII."""
    return f"operation_{[*OPERATIONS].index(name) + 1:02}"
