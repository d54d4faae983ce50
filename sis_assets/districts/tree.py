"""YAML as a tree of text: mappings, lists and scalars exactly as they stand, each with its place in the file.

YAML 1.1 would read `0132` as 90, `no` as false and `20:00` as 1200. Here a scalar is its text, or None where
nothing (or an unquoted `~` or `null`) stands. Only what a district file needs is accepted: no anchors, no
tags, no second document, no key twice, no deep nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

Path = tuple[str | int, ...]
Data = str | None | list["Data"] | dict[str, "Data"]

#: libyaml's parser is several times faster than the one in Python; both give the same events.
LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NOTHING = {"", "~", "null", "Null", "NULL"}
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: line and column, both from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a district file. Holds no value of the file.

    `path` holds the keys as they stand there; `spoken` gives the problem as it may be shown.
    """

    path: Path
    place: Place | None
    message: str

    def spoken(self) -> Problem:
        """Return the problem with `…` for every key that does not look like one: it may be a secret."""
        return replace(self, path=tuple(_spoken(part) for part in self.path))

    @property
    def key(self) -> str:
        """The key path with dots, such as `sis.dropzone.quiet_seconds`; empty for the file as a whole."""
        return ".".join(str(part) for part in self.path)

    def __str__(self) -> str:
        place = f"line {self.place.line}, column {self.place.column}" if self.place else ""
        where = f"{self.key} ({place})" if self.key and place else self.key or place
        return f"{where}: {self.message}" if where else self.message


def _spoken(part: str | int) -> str | int:
    return part if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_ -]{0,39}|\d+", str(part), re.ASCII) else "…"


@dataclass(slots=True)
class Tree:
    """A YAML document as plain data, the place of every key and value, and the faults of its form."""

    data: Data = None
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def at(self, path: Path) -> Data:
        """Return the data at `path`; None where nothing stands."""
        found = self.data
        for part in path:
            if isinstance(found, dict) and isinstance(part, str):
                found = found.get(part)
            elif isinstance(found, list) and isinstance(part, int) and part < len(found):
                found = found[part]
            else:
                return None
        return found


class _UnreadableError(Exception):
    """The document cannot be read any further."""


def parse(text: str) -> Tree:
    """Return the tree of a YAML text. Never raises for its content: `problems` says what is wrong."""
    tree = Tree()
    try:
        loader = LOADER(text)
        try:
            _document(_events(loader), tree)
        finally:
            loader.dispose()
    except _UnreadableError:
        pass  # its problem stands in the tree
    except yaml.MarkedYAMLError as error:
        tree.problems.append(Problem((), _place(error.problem_mark), f"is not YAML: {_told(error.problem)}"))
    except yaml.YAMLError:
        tree.problems.append(Problem((), None, "is not YAML: it holds control characters"))
    return tree


def _told(problem: str | None) -> str:
    """Return the parser's words without the characters of the file that it quotes."""
    return re.sub(r"\s*['\"].*['\"]", "", problem or "unknown problem")


def _place(mark: Any) -> Place | None:
    return Place(mark.line + 1, mark.column + 1) if mark else None


def _events(loader: Any) -> Iterator[yaml.Event]:
    while loader.check_event():
        yield loader.get_event()


def _document(events: Iterator[yaml.Event], tree: Tree) -> None:
    documents = 0
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                _refuse(tree, (), event, "holds a second document; a district file is one")
                raise _UnreadableError
        elif isinstance(event, yaml.NodeEvent):
            tree.data = _node(event, events, (), tree)


def _refuse(tree: Tree, path: Path, event: yaml.Event, message: str) -> None:
    tree.problems.append(Problem(path, _place(event.start_mark), message))


def _node(event: yaml.Event, events: Iterator[yaml.Event], path: Path, tree: Tree) -> Data:
    place = _place(event.start_mark)
    if place:
        tree.values[path] = place
    if getattr(event, "anchor", None) is not None:
        _refuse(
            tree, path, event, "anchors (&) and aliases (*) are not used here; quote a text that begins so"
        )
    elif getattr(event, "tag", None) not in {None, "!"}:
        _refuse(tree, path, event, "tags (!) are not used here; quote a text that begins so")
    if len(path) > _DEEPEST:
        _refuse(tree, path[:_DEEPEST], event, "is nested too deeply")
        raise _UnreadableError
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, tree)
    if isinstance(event, yaml.SequenceStartEvent):
        return _sequence(events, path, tree)
    if isinstance(event, yaml.ScalarEvent):
        plain = event.style in {None, ""}
        return None if plain and event.value in _NOTHING else str(event.value)
    return None


def _sequence(events: Iterator[yaml.Event], path: Path, tree: Tree) -> list[Data]:
    items: list[Data] = []
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        items.append(_node(event, events, (*path, len(items)), tree))
    return items


def _mapping(events: Iterator[yaml.Event], path: Path, tree: Tree) -> dict[str, Data]:
    entries: dict[str, Data] = {}
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent):
            _refuse(
                tree, path, event, "has a key that is not plain text; quote a value that begins with { [ or *"
            )
            raise _UnreadableError
        key = str(event.value)
        here = (*path, key)
        place = _place(event.start_mark)
        if event.anchor is not None or event.tag not in {None, "!"}:
            _refuse(tree, here, event, "anchors (&) and tags (!) are not used here")
        if key in entries:
            first = tree.keys[here].line
            _refuse(tree, here, event, f"stands twice; the first is in line {first}")
            _node(next(events), events, here, Tree())
            continue
        if place:
            tree.keys[here] = place
        entries[key] = _node(next(events), events, here, tree)
    return entries
