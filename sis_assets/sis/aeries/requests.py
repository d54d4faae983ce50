"""Course requests into Aeries, table SSS: a CSV for the form "Import Data into Aeries", or a script (contract: Aeries §2.4).

Both name a student by the number at the school; there is no place for alternates, which have tables of their own. The API
(`course_requests`) names the student's id and takes alternates.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from sis_assets.model.requests import Limits
from sis_assets.sis.request_form import Form, Row, delimited, refuse_unsafe

#: A StudentNumber counts school by school (contract §2.5, 2); the records of one student and school agree in it or none counts.
_NUMBERS = (
    "SELECT district_id, SchoolCode AS school_id, StudentID AS student_id, any_value(StudentNumber) AS number"
    " FROM raw.aeries_students SEMI JOIN chosen USING (district_id, extract_id) WHERE coalesce(StudentNumber, '') NOT IN ('', '0')"
    " GROUP BY ALL HAVING count(DISTINCT StudentNumber) = 1"
)


def script(form: Form, rows: Iterable[Row], *, end: str) -> Iterable[bytes]:
    """Give a script that inserts what SSS lacks, reads everything back and ends its transaction with `end`.

    Values stand in it quoted; there are no parameters. Run again, it changes nothing. Raises PermanentFault as
    `refuse_unsafe` does.
    """
    yield b"SET XACT_ABORT ON;\nBEGIN TRANSACTION;\n"
    for row in rows:
        refuse_unsafe(form, row)
        school, student, course = (
            _quoted(dict(zip(form.columns, row, strict=True))[name]) for name in ("SC", "SN", "CN")
        )
        mine = f"FROM SSS WHERE SC = {school} AND SN = {student}"
        yield (
            f"INSERT INTO SSS (SC, SN, SQ, CN) SELECT {school}, {student}, coalesce((SELECT max(SQ) {mine}), 0) + 1, {course}"
            f" WHERE NOT EXISTS (SELECT 1 {mine} AND CN = {course});\n"
            f"SELECT SC, SN, SQ, CN {mine} AND CN = {course};\n"
        ).encode()
    yield f"{end};\n".encode()


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


FORM = Form(
    files={
        "file": {"course_requests.csv": delimited},
        "sql": {
            "course_requests.dry-run.sql": partial(script, end="ROLLBACK"),
            "course_requests.sql": partial(script, end="COMMIT"),
        },
    },
    limits=Limits(course_characters=6, delimiter=",", alternates=False, numbered=True),
    columns={"SC": "school_id", "SN": "student_number", "CN": "course_code"},
    numbers=_NUMBERS,
    api="aeries.course_requests",
)
