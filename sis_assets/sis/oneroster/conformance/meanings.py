"""Whether records agree with each other as the standard wants. Contract: OneRoster §4.4 (the semantic part)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from sis_assets.sis.oneroster.conformance.facts import Facts, Row, Span, span

#: A check gives the code and the column of what is wrong with a record.
Wrong = Iterator[tuple[str, str]]


class Meanings:
    """Looks at the records of a package, in the order of their files, with the facts of all of them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._primary_roles: set[tuple[str, str]] = set()
        self._primary_teachers: dict[str, list[Span]] = defaultdict(list)
        self._checks: Mapping[str, Callable[[Row], Wrong]] = {
            "academic_sessions": self._session,
            "roles": self._role,
            "users": self._user,
            "courses": self._course,
            "classes": self._class,
            "enrollments": self._enrollment,
        }

    def of(self, entity: str, row: Row) -> Wrong:
        """Give what is wrong with the meaning of a record."""
        check = self._checks.get(entity)
        return check(row) if check else iter(())

    def _type(self, entity: str, key: str) -> str:
        return self._facts.types.get((entity, key), "")

    def _session(self, row: Row) -> Wrong:
        yield from _ends_before(row, "startDate")

    def _role(self, row: Row) -> Wrong:
        yield from _ends_before(row, "beginDate")
        if row.get("roleType") == "primary":
            held = row.get("userSourcedId", ""), row.get("orgSourcedId", "")
            if held in self._primary_roles:
                yield "semantic.several_primary_roles", "roleType"
            self._primary_roles.add(held)

    def _user(self, row: Row) -> Wrong:
        main = row.get("primaryOrgSourcedId")
        if main and (row.get("sourcedId", ""), main) not in self._facts.roles:
            yield "semantic.primary_org_without_role", "primaryOrgSourcedId"

    def _course(self, row: Row) -> Wrong:
        kind = self._type("academic_sessions", row.get("schoolYearSourcedId", ""))
        if kind and kind != "schoolYear":
            yield "semantic.school_year_type", "schoolYearSourcedId"
        yield from _subjects(row)

    def _class(self, row: Row) -> Wrong:
        yield from self._school(row)
        kinds = {self._type("academic_sessions", term) for term in row.get("termSourcedIds", "").split(",")}
        if kinds - _TERMS:
            yield "semantic.term_type", "termSourcedIds"
        yield from _subjects(row)

    def _enrollment(self, row: Row) -> Wrong:
        yield from self._school(row)
        yield from _ends_before(row, "beginDate")
        taught, terms = row.get("classSourcedId", ""), self._facts.terms.get(row.get("classSourcedId", ""))
        start, end = span(row)
        if terms and ((row.get("beginDate") and start < terms[0]) or (row.get("endDate") and end > terms[1])):
            yield "semantic.outside_term", "beginDate"
        if row.get("role") == "teacher" and row.get("primary") == "true":
            others = self._primary_teachers[taught]
            if any(start < other_end and other_start < end for other_start, other_end in others):
                yield "semantic.several_primary_teachers", "primary"
            others.append((start, end))

    def _school(self, row: Row) -> Wrong:
        kind = self._type("orgs", row.get("schoolSourcedId", ""))
        if kind and kind != "school":
            yield "semantic.org_type", "schoolSourcedId"


_TERMS: Final = frozenset({"term", "semester", ""})


def _ends_before(row: Row, start: str) -> Wrong:
    begins, ends = row.get(start), row.get("endDate")
    if begins and ends and ends <= begins:
        yield "semantic.end_before_start", "endDate"


def _subjects(row: Row) -> Wrong:
    subjects, codes = row.get("subjects"), row.get("subjectCodes")
    if subjects and codes and subjects.count(",") != codes.count(","):
        yield "semantic.subject_codes", "subjectCodes"
