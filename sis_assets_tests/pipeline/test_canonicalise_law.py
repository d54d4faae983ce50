"""The law of every extract, over random dirty files: loaded + rejected = counted, and each record is on one side."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sis_assets.sis.delimited import Readers
from sis_assets_tests.spine import (
    COURSE_COLUMNS,
    SCHOOL_COLUMNS,
    STUDENT_COLUMNS,
    STUDENT_COURSE_COLUMNS,
    Spine,
)

TABLES = {
    "schools": "schools",
    "courses": "school_courses",
    "students": "student_schools",
    "student_courses": "student_courses",
}

_ids = st.sampled_from(["1001", "1002", "0132", "1001 ", "", "x"])
_schools = st.sampled_from(["16", "27", "0016", "99", ""])
_names = st.sampled_from(
    ["Given-0001", "Given-0002", "", '"quo|ted"', '"two\nlines"', "a|b", "torn\nline", 'half"', '"open']
)
_grades = st.sampled_from(["9", "10", "K", "", "9th", "-1"])
_dates = st.sampled_from(["2011-03-09", "", "2011-02-30", "03/09/2011"])
_numbers = st.sampled_from(["1.0", "0.5", "", "one", "1e99"])
_marks = st.sampled_from(["A", "0", ""])

_FILES = {
    "School.txt": (SCHOOL_COLUMNS, (_schools, _names, st.sampled_from(["1", "2", "", "9"]))),
    "CourseMaster.txt": (COURSE_COLUMNS, (_schools, _ids, _names, _numbers, _grades, _grades)),
    "Student.txt": (
        STUDENT_COLUMNS,
        (
            _ids,
            _names,
            _names,
            st.sampled_from(["M", "", "Q"]),
            _dates,
            _grades,
            _schools,
            _schools,
            _ids,
            _names,
            _numbers,
        ),
    ),
    "StudentCourses.txt": (
        STUDENT_COURSE_COLUMNS,
        (_ids, _ids, _names, _grades, _marks, _numbers, _dates, st.sampled_from(["", "2"])),
    ),
}


@st.composite
def drops(draw: st.DrawFn) -> dict[str, str]:
    files = {}
    for name, (columns, fields) in _FILES.items():
        rows = draw(st.lists(st.tuples(*fields), min_size=1, max_size=8))
        lines = [
            "|".join(columns),
            *("|".join(row) for row in rows),
            *draw(st.sampled_from([(), ("",), ("|".join(columns),)])),
        ]
        files[name] = "\n".join(lines) + "\n"
    return files


@pytest.fixture(scope="module")
def spine(tmp_path_factory: pytest.TempPathFactory, readers: Readers) -> Spine:
    return Spine(tmp_path_factory.mktemp("law"), readers)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(nights=st.lists(drops(), min_size=5, max_size=5))
def test_loaded_and_rejected_are_all_records(spine: Spine, nights: list[dict[str, str]]) -> None:
    for number, files in enumerate(nights):
        spine.drop(f"d{number}", files)
    outcomes = spine.sync(*(f"d{number}" for number in range(len(nights))))
    for name, outcome in outcomes.items():
        ledger = spine.extracts(name)[-1]
        assert (ledger["status"] == "failed") == (outcome.status == "failed"), outcome.reason
        if outcome.status == "failed":
            continue
        counted = {file["entity"]: file["records"] for file in ledger["files"]}
        rejected = Counter(entity for entity, _ in spine.rejected(name))
        loaded = {
            entity: spine.column(f"SELECT count(*) FROM core.{table} WHERE district_id = ?", name)[0]
            for entity, table in TABLES.items()
        }
        assert {entity: loaded[entity] + rejected[entity] for entity in TABLES} == counted
        assert (ledger["rows_loaded"], ledger["rows_rejected"]) == (sum(loaded.values()), rejected.total())
        raw = {
            entity: spine.column(
                f"SELECT row_number FROM raw.eschoolplus_{entity} WHERE extract_id = ?", ledger["extract_id"]
            )
            for entity in TABLES
        }
        unread = {place for place, row in spine.rejected(name).items() if row["stage"] == "read"}
        for entity, numbers in raw.items():
            lost = {number for found, number in unread if found == entity}
            assert sorted([*numbers, *lost]) == list(range(1, counted[entity] + 1))
