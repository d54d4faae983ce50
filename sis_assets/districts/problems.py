"""What is wrong with a district file, told so that the engineer can go to the place and mend it.

No value of the file is ever repeated, and no key that does not look like one: either may be a secret.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path as FilePath
from typing import get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sis_assets.districts.section import RULE, Section, keys_of, sections_in
from sis_assets.districts.tree import Data, Path, Place, Problem, Tree
from sis_assets.model.faults import Mover, NeedsPerson

_NEEDED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "date_type": "a date written YYYY-MM-DD",
    "time_type": 'a time of day written "HH:MM"',
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
}
_KEY = "[key]"
_MARKS = {_KEY, "<text>", "<secret>", "<url>"}
_FORM = {list: ", not a list", dict: ", not a mapping", type(None): "; nothing stands there", str: ""}


class DistrictFileError(NeedsPerson):
    """A district file that cannot be used, with everything that is wrong with it."""

    def __init__(self, path: FilePath, problems: tuple[Problem, ...]) -> None:
        self.path = path
        self.problems = tuple(problem.spoken() for problem in problems)
        super().__init__(
            tried=f"Reading the district file {path}",
            seen="; ".join(str(problem) for problem in self.problems),
            todo="Correct the file and run `sis-assets districts check`",
            mover=Mover.ENGINEER,
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the problems when the error crosses a process boundary."""
        return type(self), (self.path, self.problems)


def from_validation(error: ValidationError, tree: Tree, model: type[Section]) -> list[Problem]:
    """Return the problems behind pydantic's error, each at its place in the tree.

    Where the tree itself has a problem, what pydantic says of the same place follows from it and is left out.
    """
    found = [
        _problem(details, tree, model) for details in error.errors(include_url=False, include_input=False)
    ]
    refused = [problem.path for problem in tree.problems]
    return [problem for problem in found if not any(problem.path[: len(path)] == path for path in refused)]


def _problem(details: ErrorDetails, tree: Tree, model: type[Section]) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    path, sections = _resolve(details["loc"], model, own_key=kind == "extra_forbidden")
    of_key = kind == "extra_forbidden" or details["loc"][-1] == _KEY
    if kind == RULE:
        path, message = (*path, *_parts(context["key"])), str(context["text"])
    elif kind == "extra_forbidden":
        message = "is no known key" + _nearest(path[-1], list(keys_of(sections[0])), "known keys")
    elif kind == "literal_error" and of_key:
        message = "is no known key" + _nearest(path[-1], _quoted(context["expected"]), "known keys")
    elif kind == "literal_error":
        options = _quoted(context["expected"])
        message = f"must be one of {', '.join(options)}{_nearest(tree.at(path), options)}"
    elif kind in {"union_tag_not_found", "union_tag_invalid"} and isinstance(tree.at(path), dict):
        path = (*path, "kind")
        options = [_kind(section) for section in sections]
        verb = "must be one of" if kind == "union_tag_invalid" else "is required and missing; one of"
        message = f"{verb} {', '.join(options)}{_nearest(tree.at(path), options)}"
    elif kind == "missing":
        message = "is required and missing"
    else:
        need = _NEEDED.get(kind, "another kind of value").format_map(context)
        message = f"must be {need}{_FORM[type(tree.at(path))]}"
    return Problem(path, _place(path, tree, of_key=of_key), message)


def _place(path: Path, tree: Tree, *, of_key: bool) -> Place | None:
    """Return where the key or value stands; for a missing one, where the mapping that needs it begins."""
    if of_key:
        return tree.keys.get(path)
    while path not in tree.values and path:
        path = path[:-1]
    return tree.values.get(path)


def _resolve(
    loc: tuple[int | str, ...], model: type[Section], *, own_key: bool
) -> tuple[Path, list[type[Section]]]:
    """Return the path in the file for pydantic's location, and the sections that may stand there.

    Pydantic's location also holds tags of unions, in angle brackets, and a mark of keys, in square ones.
    With `own_key` the last part is a key of the file, whatever it looks like.
    """
    path: list[str | int] = []
    sections: list[type[Section]] = [model]
    for index, part in enumerate(loc):
        literal = own_key and index == len(loc) - 1
        if not literal and part in _MARKS:
            continue
        if not literal and isinstance(part, str) and len(sections) > 1 and part in map(_tag, sections):
            sections = [section for section in sections if _tag(section) == part]
        else:
            path.append(part)
            known = keys_of(sections[0]) if len(sections) == 1 else {}
            if part in known:
                sections = sections_in(known[part]) or sections
    return tuple(path), sections


def _kind(section: type[Section]) -> str:
    return str(get_args(section.model_fields["kind"].annotation)[0])


def _tag(section: type[Section]) -> str:
    return f"<{_kind(section)}>"


def _parts(key: str) -> Path:
    return tuple(int(part) if part.isdigit() else part for part in key.split(".") if part)


def _quoted(expected: str) -> list[str]:
    """Return the options of pydantic's phrase `'a', 'b' or 'c'`."""
    return re.findall(r"'([^']*)'", expected)


def _nearest(word: Data | int, known: list[str], otherwise: str = "") -> str:
    """Return a phrase with the option that `word` resembles, else with all, named `otherwise`."""
    close = get_close_matches(word.lower(), known, n=1, cutoff=0.5) if isinstance(word, str) else []
    if close:
        return f"; the nearest known one is {close[0]}"
    return f"; {otherwise}: {', '.join(known)}" if otherwise else ""
