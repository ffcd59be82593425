"""Measures of a model with each of several components ablated, one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from torch import nn

from progress_measures._blocks import Progress, every_one
from progress_measures._checks.measures import check_measures
from progress_measures._checks.values import check_progress, listed, type_name
from progress_measures._formats.recording import check_row
from progress_measures._formats.table import entries
from progress_measures._model_state import undisturbed
from progress_measures._tables import WIDE, html_table, number, text_table, width
from progress_measures.ablation.checks import check_hookable, check_paths, check_replacement, check_submodule
from progress_measures.ablation.contexts import ablated
from progress_measures.ablation.replacements import Replacement
from progress_measures.ablation.sites import Key, path_of

WHOLE = "without ablation"  # the first row of the table
SHOWN = 6  # the largest number of measures in the table
Measured = dict[str, float]


@dataclass(frozen=True, eq=False, repr=False)
class AblationEffects(Mapping[str, Measured]):
    """The measures with each of several components ablated, by component; the result of :func:`ablation_effects`.

    ``print`` and notebooks show a table of the first measures. ``dict(effects)`` gives the rows as dictionaries. For
    data frames, use ``pandas.DataFrame(dict(effects)).T`` and ``pandas.DataFrame(effects.differences).T``.

    Example:
        >>> effects = pm.ablation.AblationEffects({"loss": 0.5}, {"mlp": {"loss": 4.5}, "attn": {"loss": 0.75}})
        >>> print(effects)
                          loss  change
        without ablation   0.5
        mlp                4.5      +4
        attn              0.75   +0.25
        >>> effects["mlp"], effects.differences["mlp"]
        ({'loss': 4.5}, {'loss': 4.0})
    """

    intact: Measured
    """The measures without ablation."""
    ablated: Mapping[str, Measured]
    """The measures with each component ablated."""

    @property
    def differences(self) -> dict[str, Measured]:
        """The measures with each component ablated, minus the measures without ablation."""
        return {name: {each: value - self.intact[each] for each, value in row.items()} for name, row in self.items()}

    def __getitem__(self, name: str) -> Measured:
        return self.ablated[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.ablated)

    def __len__(self) -> int:
        return len(self.ablated)

    def __repr__(self) -> str:
        return f"AblationEffects({len(self)} ablated: {listed(self, most=3)}; {listed(self.intact, most=3)})"

    def __str__(self) -> str:
        count = min(SHOWN, len(self.intact))
        table = text_table(self._cells(count))
        while width(table) > WIDE and count > 1:
            count -= 1
            table = text_table(self._cells(count))
        more = len(self.intact) - count
        return (
            table
            if more <= 0
            else f"{table}\n… and {more} more measure{'s'[: more != 1]}: dict(effects) has all of them"
        )

    def _repr_html_(self) -> str:
        head, *lines = self._cells(SHOWN)
        return html_table(f"Effects of ablation on {listed(self.intact, most=3)}", head, lines)

    def _cells(self, count: int) -> list[list[str]]:
        """A line of names, and a line per row with the number and the difference of each of the first measures."""
        shown, differences = [*self.intact][:count], self.differences
        return [
            ["", *(cell for name in shown for cell in (name, "change"))],
            [WHOLE, *(cell for name in shown for cell in (number(self.intact[name]), ""))],
            *(
                [key, *(cell for name in shown for cell in (number(row[name]), f"{differences[key][name]:+.3g}"))]
                for key, row in self.items()
            ),
        ]


def ablation_effects(
    model: nn.Module,
    sites: Key | Iterable[Key] | Mapping[str, Key] | Mapping[str, Iterable[Key]],
    replacement: Replacement,
    measures: Callable[[Any], Mapping[str, Any]] | Mapping[str, Callable[[Any], Any]],
    *,
    progress: Progress | None = None,
) -> AblationEffects:
    """The measures of a model with each of several components ablated, one component at a time.

    Each row holds the results of ``measures`` inside ``ablated(model, site, replacement)``. As in :func:`track`, the
    model is measured in evaluation mode and without gradients. Afterwards, also after an error, hooks, modes, buffers
    and random states are as before.

    Args:
        model: The model.
        sites: The components to ablate: paths or sites as for :func:`ablated`, such as
            ``["blocks.0.mlp", "blocks.0.attn"]``, or a mapping from names of your choice to these, such as the result
            of :func:`~progress_measures.ablation.heads`. Map a name to several sites to ablate these together.
        replacement: The replacement for each of them, such as ``pm.mean_ablation()``.
        measures: A function ``model -> {name: number}``, such as the result of :func:`grokking_measures`, or a mapping
            from names to functions of the model, as for :func:`track`. The entries of a vector are called ``name/1``,
            ``name/2`` and so on.
        progress: A function that wraps the iterable of components, such as ``tqdm``.

    Returns:
        The measures with each component ablated, without ablation, and their differences.

    Raises:
        TypeError: If an argument is of the wrong kind, or ``measures`` do not return numbers.
        ValueError: If there is no site, a path does not exist, or ``measures`` return other names or shapes after an
            ablation.
        RuntimeError: If the measures do not run the model where it is ablated, or ``progress`` skips some of it.
        Exception: Any exception of ``measures``, with a note that names the ablated component.

    See Also:
        :func:`ablated`: to ablate one component and run any code.
        :func:`~progress_measures.plotting.plot_effects`: a picture of the result.

    Example:
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).double()
        >>> x = torch.randn(9, 3, dtype=torch.float64)
        >>> effects = pm.ablation.ablation_effects(
        ...     model, ["0", "1"], pm.zero_ablation(), {"output": lambda model: model(x).square().mean()})
        >>> bool(effects["1"]["output"] == model[2].bias.square().mean())
        True
    """
    named = _check_sites(sites, model)
    check_replacement(replacement)
    measure = check_measures(measures)
    check_progress(progress)
    intact = _measured(measure, model, {}, WHOLE)
    found: dict[str, Measured] = {}
    for name in every_one([*named], progress):
        found[name] = _measured(measure, model, dict.fromkeys(named[name], replacement), name)
        if found[name].keys() != intact.keys():
            odd = listed(map(repr, sorted(found[name].keys() ^ intact.keys())))
            raise ValueError(
                f"`measures` must return the same names and shapes with {name!r} ablated. Got a difference in {odd}."
            )
    return AblationEffects(intact, found)


def _measured(
    measure: Callable[[Any], Any], model: nn.Module, replacements: dict[Key, Replacement], name: str
) -> Measured:
    """The measures of a model with some of its activations replaced."""
    try:
        with undisturbed(model), ablated(model, replacements) if replacements else nullcontext():
            row = check_row(measure(model), None)
        numbers = entries({each: values[None] for each, values in row.items()}, "measures")
    except Exception as error:
        error.add_note(f"This was with {name!r} ablated." if replacements else f"This was {WHOLE}.")
        raise
    return {each: float(value) for each, value in numbers.items()}


def _check_sites(sites: Any, model: object) -> dict[str, list[Key]]:
    """The sites to ablate together, by name; requires that the model has them."""
    module = check_hookable(model)
    if not isinstance(sites, Mapping):
        sites = {key if isinstance(key, str) else repr(key): key for key in check_paths(sites, Key)}
    if not sites:
        raise ValueError("`sites` must name something to ablate. Got an empty mapping.")
    if WHOLE in sites:
        raise ValueError(f"`sites` must not use the name {WHOLE!r}, which is the first row. Got {listed(sites)}.")
    for name in sites:
        if not isinstance(name, str):
            raise TypeError(
                f"`sites` must have strings as names. Got {name!r} ({type_name(name)}). A mapping is from names to "
                "what is ablated; the replacement is an argument of its own."
            )
    for name, keys in sites.items():
        if not isinstance(keys, Key | Iterable):
            raise TypeError(f"`sites[{name!r}]` must be a path, a site or several. Got {keys!r} ({type_name(keys)}).")
    named: dict[str, list[Key]] = {name: check_paths(keys, Key) for name, keys in sites.items()}
    for keys in named.values():
        for key in keys:
            check_submodule(module, path_of(key))
    return named
