"""What the records of a package say that others must agree with. Contract: OneRoster §4.2, §4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

#: Compared as text: ISO dates sort by time, and what is blank has no bound.
FIRST: Final = ""
LAST: Final = "9999-12-31"

Row = Mapping[str, str]
Span = tuple[str, str]


def span(row: Row, start: str = "beginDate") -> Span:
    """Return from when until when, the end not included, a record counts."""
    return row.get(start) or FIRST, row.get("endDate") or LAST


@dataclass(slots=True)
class Facts:
    """Keys by entity, types of organisations and sessions, spans of sessions, terms of classes, roles of persons."""

    keys: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    types: dict[tuple[str, str], str] = field(default_factory=dict)
    sessions: dict[str, Span] = field(default_factory=dict)
    terms: dict[str, Span] = field(default_factory=dict)
    roles: set[tuple[str, str]] = field(default_factory=set)

    def learn(self, entity: str, row: Row) -> None:
        """Take in a record; sessions come before classes."""
        key = row.get("sourcedId", "")
        self.keys[entity].add(key)
        if entity in {"orgs", "academic_sessions"}:
            self.types[entity, key] = row.get("type", "")
        if entity == "academic_sessions":
            self.sessions[key] = span(row, "startDate")
        elif entity == "classes":
            spans = [
                self.sessions[term]
                for term in row.get("termSourcedIds", "").split(",")
                if term in self.sessions
            ]
            if spans:
                self.terms[key] = min(start for start, _ in spans), max(end for _, end in spans)
        elif entity == "roles":
            self.roles.add((row.get("userSourcedId", ""), row.get("orgSourcedId", "")))
