"""What the lifecycle rules say, told once more in plain dictionaries: the oracle of the stateful test.

It knows files in which everybody is active, recognises a student by the state's id, and shares no code with the product.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

Id = str
Rows = dict[tuple[Id, str], dict[str, tuple[str | None, str | None]]]
Mode = Literal["normal", "additions_only", "pause"]
LIMITS = {"deactivate": (10, 3), "create": (25, 5), "transfer": (25, 5), "update": (75, 5), "rekey": (5, 2)}
SHRINK, REJECTED = (80, 10), (5, 3)


@dataclass(frozen=True)
class Person:
    """A student as a record or an account holds it."""

    number: int
    state_id: str
    school_id: str
    grade_level: str
    email: str | None

    def differs(self, other: Person | None) -> dict[str, tuple[str | None, str | None]]:
        names = ("email", "grade_level", "school_id", "state_id")
        pairs = {name: (getattr(other, name, None), getattr(self, name)) for name in names}
        return {name: (before, after) for name, (before, after) in pairs.items() if before != after}


@dataclass(frozen=True)
class Account:
    """An account, and the change set that wrote it last."""

    person: Person
    is_active: bool
    owner: str


@dataclass
class Set:
    """A change set; `before` is what an undo restores: by present id the former id and account."""

    id: str
    bytes: object
    rows: Rows
    people: dict[Id, Person]
    status: str
    before: dict[Id, tuple[Id, Account | None]] = field(default_factory=dict)


@dataclass
class Extract:
    """A complete extract and what was made of it."""

    bytes: object
    people: dict[Id, Person]
    rejected: frozenset[Id]
    unreadable: int
    records: int
    sets: list[Set] = field(default_factory=list)
    delivered: bool = False

    @property
    def accepted(self) -> bool:
        statuses = {found.status for found in self.sets}
        return "applied" in statuses or (self.delivered and "undone" not in statuses)


@dataclass
class Expected:
    """What a sync must say and make."""

    status: str
    applied: Rows = field(default_factory=dict)
    held: Rows | None = None


@dataclass
class Model:
    """One district."""

    accounts: dict[Id, Account] = field(default_factory=dict)
    extracts: list[Extract] = field(default_factory=list)
    last_failed: bool = False
    proposed: tuple[object, Mode] | None = None
    waiting: int = 0

    @property
    def sets(self) -> list[Set]:
        return [found for extract in self.extracts for found in extract.sets]

    @property
    def active(self) -> dict[Id, Account]:
        return {student_id: account for student_id, account in self.accounts.items() if account.is_active}

    def read(self, extract: Extract | None) -> None:
        """Take in a read; None: it was not whole."""
        if extract is None:
            self.last_failed = True
            return
        if self.last_failed or not self.extracts or self.extracts[-1].bytes != extract.bytes:
            self.extracts.append(extract)
        self.last_failed = False

    def compare(self, mode: Mode) -> Expected:
        """Say what comes of the newest read; the caller carries out `applied` and `held` with the ids that they get."""
        if self.last_failed:
            return Expected("failed")
        if mode == "pause":
            return Expected("skipped")
        extract = self.extracts[-1]
        if self.proposed == (extract.bytes, mode):
            waits = any(found.status == "held" for found in self.sets)
            return Expected("held" if waits else "skipped" if self.waiting else "unchanged")
        rows = self._changes(extract)
        decided = [
            found
            for found in self.sets
            if found.status in {"discarded", "undone"} and found.bytes == extract.bytes
        ]
        rows = self._without_decided(rows, decided)
        kept = self._in_mode(rows, mode)
        self.waiting = len(rows) - len(kept)
        applied, held = self._guarded(kept, extract)
        for found in self.sets:
            if found.status == "held":
                found.status = "superseded"
        if held is not None and not held and decided:
            held = None
        self.proposed = (extract.bytes, mode)
        extract.delivered |= bool(applied) or not (held is not None or self.waiting or decided)
        status = (
            "held"
            if held is not None
            else "applied"
            if applied
            else "skipped"
            if self.waiting
            else "unchanged"
        )
        return Expected(status, applied, held)

    def _changes(self, extract: Extract) -> Rows:
        gone = [i for i in self.accounts if i not in extract.people and i not in extract.rejected]
        come = [i for i in extract.people if i not in self.accounts]
        pairs = [
            (old, new)
            for old in gone
            for new in come
            if self.accounts[old].person.state_id == extract.people[new].state_id
        ]
        old_ids, new_ids = [old for old, _ in pairs], [new for _, new in pairs]
        rekeyed = {new: old for old, new in pairs if old_ids.count(old) == new_ids.count(new) == 1}
        rows: Rows = {}
        for student_id, person in extract.people.items():
            at = rekeyed.get(student_id, student_id)
            account = self.accounts.get(at)
            if account is None:
                rows[student_id, "create"] = person.differs(None)
                continue
            if at != student_id:
                rows[student_id, "rekey"] = {"student_id": (at, student_id)}
            if not account.is_active:
                rows[student_id, "reactivate"] = {}
            changed = person.differs(account.person)
            if "school_id" in changed:
                rows[student_id, "transfer"] = {"school_id": changed.pop("school_id")}
            if person.grade_level > account.person.grade_level:
                rows[student_id, "promote"] = {"grade_level": changed.pop("grade_level")}
            if changed:
                rows[student_id, "update"] = changed
        for student_id in gone:
            if self.accounts[student_id].is_active and student_id not in rekeyed.values():
                rows[student_id, "deactivate"] = {}
        return rows

    @staticmethod
    def _without_decided(rows: Rows, decided: list[Set]) -> Rows:
        known = [(key, changed) for found in decided for key, changed in found.rows.items()]
        again = {key for key, changed in rows.items() if (key, changed) in known}
        whole = {student_id for student_id, kind in again if kind in {"rekey", "reactivate"}}
        return {key: changed for key, changed in rows.items() if key not in again and key[0] not in whole}

    @staticmethod
    def _in_mode(rows: Rows, mode: Mode) -> Rows:
        if mode == "normal":
            return rows
        new = {student_id for student_id, kind in rows if kind in {"create", "reactivate"}}
        return {key: changed for key, changed in rows.items() if key[0] in new}

    def _guarded(self, rows: Rows, extract: Extract) -> tuple[Rows, Rows | None]:
        """What is applied, and what is held (None: nothing)."""
        accepted = [known.records for known in self.extracts if known.accepted]
        shrunk = (
            bool(accepted) and accepted[-1] >= SHRINK[1] and extract.records * 100 < SHRINK[0] * accepted[-1]
        )
        bad = len(extract.rejected) + extract.unreadable
        if shrunk or (bad >= REJECTED[1] and bad * 100 > REJECTED[0] * extract.records):
            return {}, rows
        held: set[tuple[Id, str]] = set()
        for kind, (percent, floor) in LIMITS.items():
            mine = [key for key in rows if key[1] == kind]
            if (
                kind == "create"
                and not self.accounts
                and all(found.status != "undone" for found in self.sets)
            ):
                continue
            for school in (None, "16", "27"):
                here = [key for key in mine if school in {None, self._place(key, rows, extract)}]
                whole = [a for a in self.active.values() if school in {None, a.person.school_id}]
                if len(here) >= floor and len(here) * 100 > percent * len(whole):
                    held |= set(here)
            if kind == "deactivate" and extract.unreadable:
                held |= set(mine)
        with_id = {student_id for student_id, kind in held if kind == "rekey"}
        held |= {key for key in rows if key[0] in with_id}
        applied = {key: changed for key, changed in rows.items() if key not in held}
        return applied, {key: rows[key] for key in held} if held else None

    def _place(self, key: tuple[Id, str], rows: Rows, extract: Extract) -> str:
        student_id, kind = key
        if kind == "create":
            return extract.people[student_id].school_id
        return self.accounts[self._at(student_id, rows)].person.school_id

    @staticmethod
    def _at(student_id: Id, rows: Rows) -> Id:
        at = rows.get((student_id, "rekey"), {}).get("student_id", (student_id, None))[0]
        assert at is not None
        return at

    def can_apply(self, found: Set) -> bool:
        for student_id in {key[0] for key in found.rows}:
            kinds = {kind: changed for (i, kind), changed in found.rows.items() if i == student_id}
            at = self._at(student_id, found.rows)
            account = self.accounts.get(at)
            if "create" in kinds:
                if account is not None:
                    return False
                continue
            if account is None or account.is_active == ("reactivate" in kinds):
                return False
            if at != student_id and student_id in self.accounts:
                return False
            for changed in kinds.values():
                for name, (before, _) in changed.items():
                    if name != "student_id" and getattr(account.person, name) != before:
                        return False
        return True

    def apply(self, found: Set) -> None:
        found.status = "applied"
        for student_id in sorted({key[0] for key in found.rows}):
            at = self._at(student_id, found.rows)
            account = self.accounts.pop(at, None)
            found.before[student_id] = (at, account)
            person, is_active = (
                (account.person, account.is_active) if account else (found.people[student_id], True)
            )
            for (other, kind), changed in found.rows.items():
                if other == student_id:
                    fields: dict[str, Any] = {
                        name: to for name, (_, to) in changed.items() if name != "student_id"
                    }
                    person = replace(person, **fields)
                    is_active = kind != "deactivate" and (is_active or kind == "reactivate")
            self.accounts[student_id] = Account(person, is_active, found.id)

    def can_undo(self, found: Set) -> bool:
        return all(
            student_id in self.accounts
            and self.accounts[student_id].owner == found.id
            and (at == student_id or at not in self.accounts)
            for student_id, (at, _) in found.before.items()
        )

    def undo(self, found: Set) -> None:
        found.status = "undone"
        for student_id, (at, account) in found.before.items():
            del self.accounts[student_id]
            if account is not None:
                self.accounts[at] = account
