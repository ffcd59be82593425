"""New names for columns."""

import difflib
from collections.abc import Iterable, Mapping
from shlex import quote

from progress_measures._checks.values import type_name
from progress_measures._formats.names import cut
from progress_measures._logs.runs import MAXIMUM, MINIMUM
from progress_measures._logs.table import Logs, Path, Run, names_of, shown


def check_rename(value: object) -> dict[str, str]:
    """Requires a mapping of new names to names in the file, or None; returns it."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError(
            f"`rename` must be a mapping from new names to names in the file. Got {type_name(value)}. "
            'Pass {"test_loss": "val_loss"}.'
        )
    for name in (*value, *value.values()):
        if not isinstance(name, str):
            raise TypeError(f"`rename` must have strings as names. Got {name!r} ({type_name(name)}).")
    return dict(value)


def renamed(logs: Logs, rename: Mapping[str, str], path: Path) -> Logs:
    """The runs with new names for columns; other columns keep theirs.

    Args:
        logs: The runs.
        rename: A mapping from new names to names in the file. The band ``X__MIN``, ``X__MAX`` is renamed with ``X``.
        path: The file.
    """
    if not rename:
        return logs
    known = dict.fromkeys(name for run in logs.runs.values() for name in run.columns)
    for new, old in rename.items():
        if old not in known:
            raise _unknown(new, old, known, logs, path)
        if new in known and new not in rename.values():
            raise ValueError(
                f"`rename` must give new names. Got {cut(new)!r} for {cut(old)!r}, which is another column of "
                f"{shown(path)}. Give that one a name of its own too."
            )
    return logs._replace(runs={name: _renamed(run, rename) for name, run in logs.runs.items()})


def _renamed(run: Run, rename: Mapping[str, str]) -> Run:
    new_names: dict[str, list[str]] = {}
    for new, old in rename.items():
        new_names.setdefault(old, []).append(new)
        for end in (MINIMUM, MAXIMUM):
            if old + end not in rename.values() and new + end not in (*rename, *run.columns):
                new_names.setdefault(old + end, []).append(new + end)
    columns = {new: values for old, values in run.columns.items() for new in new_names.get(old, [old])}
    return run._replace(columns=columns)


def _unknown(new: str, old: str, known: Iterable[str], logs: Logs, path: Path) -> ValueError:
    if repr(cut(old)) in logs.left_out:
        found, remedy = f"{cut(old)!r}, which is not a column of numbers", ""
    elif any(run.step_name == old for run in logs.runs.values()):
        found, remedy = f"{cut(old)!r}, the column of steps", " Pass another one as step=…."
    elif new in known:
        found = cut(repr(old))
        option = quote(f"{cut(old)}={cut(new)}")
        remedy = f" The new name comes first: pass rename={{{cut(old)!r}: {cut(new)!r}}} or --rename {option}."
    else:
        near = difflib.get_close_matches(old.lower(), {name.lower(): name for name in known}, n=1, cutoff=0.0)
        name = next((name for name in known if near and name.lower() == near[0]), None)
        found = cut(repr(old))
        remedy = "" if name is None else f" Did you mean {name!r}?"
    return ValueError(
        f"`rename` must name columns of the file. Got {found}, where {shown(path)} has {names_of(known) or 'none'}."
        f"{remedy}"
    )
