"""Every table of the warehouse, with a type and a description for each column.

One place: the warehouse creates these tables, Dagster shows the descriptions, `docs/tables.md` is generated from
them. Names follow OneRoster and CEDS where these have one. Ids and codes are text, dates DATE, times TIMESTAMPTZ (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass

TEXT = "VARCHAR"
DATE = "DATE"
TIME = "TIMESTAMPTZ"
FLAG = "BOOLEAN"
WHOLE = "BIGINT"
YEAR = "INTEGER"
NUMBER = "DECIMAL(9,3)"

CEDS_GRADES = ("PK", "KG", *(f"{grade:02d}" for grade in range(1, 14)), "UG")
CHANGE_KINDS = ("create", "update", "transfer", "promote", "deactivate", "reactivate", "rekey")

#: What an account holds of a student and what a change set compares (DESIGN §5), in the order of `core.students`.
TRACKED = (
    "first_name",
    "middle_name",
    "last_name",
    "birth_date",
    "gender",
    "email",
    "state_id",
    "graduation_year",
    "next_school_id",
    "school_id",
    "grade_level",
)
#: Tracked fields that an `update` row reports; the school and a higher grade have kinds of their own.
UPDATE_FIELDS = tuple(name for name in TRACKED if name not in {"school_id", "grade_level"})


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its DuckDB type and what it means. `pii` marks what could identify a student."""

    name: str
    type: str
    description: str
    pii: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the warehouse. `by_district` tables are partitioned by `district_id` (one file a district)."""

    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    by_district: bool = True

    @property
    def qualified(self) -> str:
        """`schema.table`, as it stands in SQL."""
        return f"{self.schema}.{self.name}"

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns in their order."""
        return tuple(column.name for column in self.columns)


DISTRICT = Column("district_id", TEXT, "The district; the partition key of every table.")
_STUDENT_ID = Column(
    "student_id", TEXT, "The student's id, unique in the district, by the SIS's rule for ids.", pii=True
)
_SCHOOL_ID = Column("school_id", TEXT, "The school's code in the SIS.")


def _table(schema: str, name: str, description: str, *columns: Column, by_district: bool = True) -> Table:
    return Table(schema, name, description, (DISTRICT, *columns), by_district)


SCHOOLS = _table(
    "core",
    "schools",
    "Schools of the district that take part (OneRoster org of type school).",
    _SCHOOL_ID,
    Column("name", TEXT, "The school's name as the SIS states it."),
    Column("school_type", TEXT, "high, elementary_middle or other; empty where the SIS states none."),
    Column("low_grade", TEXT, "Lowest grade taught, CEDS code."),
    Column("high_grade", TEXT, "Highest grade taught, CEDS code."),
    Column("state_id", TEXT, "The state's code of the school."),
    Column(
        "lea_id",
        TEXT,
        "The state's code of the local educational agency (LEA) whose school it is; its students are that agency's.",
    ),
)
TERMS = _table(
    "core",
    "terms",
    "Terms of a school (OneRoster academic session).",
    Column("term_id", TEXT, "The term's id in the SIS."),
    _SCHOOL_ID,
    Column("name", TEXT, "The term's name."),
    Column("kind", TEXT, "school_year, semester, quarter or what the SIS calls it."),
    Column("school_year", YEAR, "The year in which the school year ends (2026-27 is 2027)."),
    Column("start_date", DATE, "First day."),
    Column("end_date", DATE, "Last day, inclusive."),
)
STUDENTS = _table(
    "core",
    "students",
    "Students of the newest complete extract, one row a student, at the primary school.",
    _STUDENT_ID,
    Column(
        "sis_key",
        TEXT,
        "The SIS's own key where it differs from student_id; survives a change of student_id.",
        pii=True,
    ),
    Column(
        "former_student_id", TEXT, "The id that the student had before, where the SIS names it.", pii=True
    ),
    Column("state_id", TEXT, "The state's student id.", pii=True),
    Column("first_name", TEXT, "First name.", pii=True),
    Column("middle_name", TEXT, "Middle name.", pii=True),
    Column("last_name", TEXT, "Last name.", pii=True),
    Column("birth_date", DATE, "Date of birth.", pii=True),
    Column("gender", TEXT, "M, F, N, X or empty."),
    Column("grade_level", TEXT, "Grade, CEDS code: PK KG 01 … 13 UG."),
    Column(
        "school_id", TEXT, "The primary school: the SIS's flag, else the latest entry, else the lowest id."
    ),
    Column(
        "next_school_id",
        TEXT,
        "The school of next year where the SIS states one; course planning happens there.",
    ),
    Column("status", TEXT, "active, pre_registered, inactive or graduated."),
    Column("entry_date", DATE, "First day at the primary school."),
    Column("exit_date", DATE, "Last day at the primary school."),
    Column("exit_reason", TEXT, "Why the student left: withdrawn, transferred_out, graduated or no_show."),
    Column("email", TEXT, "School e-mail address.", pii=True),
    Column("graduation_year", YEAR, "Expected graduation year, only as the SIS states it."),
)
STUDENT_SCHOOLS = _table(
    "core",
    "student_schools",
    "Every school at which a student is enrolled; one of them is primary.",
    _STUDENT_ID,
    _SCHOOL_ID,
    Column("is_primary", FLAG, "Whether this is the student's primary school."),
    Column("entry_date", DATE, "First day at this school."),
    Column("exit_date", DATE, "Last day at this school."),
    Column(
        "student_number",
        TEXT,
        "The student's number at this school, where each school counts its own (Aeries); no id.",
        pii=True,
    ),
)
COURSES = _table(
    "core",
    "courses",
    "The district's course catalogue (OneRoster course). Where schools describe a course differently, the school with the lowest id speaks.",
    Column("course_code", TEXT, "The course's code, unique in the district."),
    Column("name", TEXT, "The course's name."),
    Column("credits", NUMBER, "Credits that the course gives."),
    Column("low_grade", TEXT, "Lowest grade that may take it, CEDS code; empty means no limit."),
    Column("high_grade", TEXT, "Highest grade that may take it, CEDS code; empty means no limit."),
    Column("department", TEXT, "Department or subject area."),
    Column("is_active", FLAG, "Whether the course is in the catalogue now."),
    Column(
        "is_active_next_year",
        FLAG,
        "Whether it is in next year's catalogue; empty where the SIS does not say.",
    ),
)
SCHOOL_COURSES = _table(
    "core",
    "school_courses",
    "Which school offers which course.",
    _SCHOOL_ID,
    Column("course_code", TEXT, "The course's code."),
)
SECTIONS = _table(
    "core",
    "sections",
    "Sections of courses (OneRoster class).",
    Column("section_id", TEXT, "The section's id in the SIS."),
    Column("course_code", TEXT, "The course's code."),
    _SCHOOL_ID,
    Column("term_id", TEXT, "The term."),
)
SECTION_ENROLLMENTS = _table(
    "core",
    "section_enrollments",
    "Who is in which section, students and teachers (OneRoster enrollment).",
    Column("section_id", TEXT, "The section."),
    Column("person_id", TEXT, "student_id or staff_id.", pii=True),
    Column("role", TEXT, "student or teacher."),
    Column("is_primary", FLAG, "Whether a teacher is the primary one."),
    Column("start_date", DATE, "First day."),
    Column("end_date", DATE, "Last day, inclusive."),
)
STAFF = _table(
    "core",
    "staff",
    "Staff (OneRoster user with a staff role).",
    Column("staff_id", TEXT, "The person's id in the SIS.", pii=True),
    Column("first_name", TEXT, "First name.", pii=True),
    Column("last_name", TEXT, "Last name.", pii=True),
    Column("email", TEXT, "E-mail address.", pii=True),
    _SCHOOL_ID,
)
STUDENT_COURSES = _table(
    "core",
    "student_courses",
    "Courses that students have completed, take now or are scheduled for.",
    _STUDENT_ID,
    Column("course_code", TEXT, "The course's code; a transferred course may be missing from the catalogue."),
    Column("name", TEXT, "The course's name as it stands in the student's record."),
    Column("grade_level", TEXT, "Grade in which it was or is taken, CEDS code."),
    Column("mark", TEXT, "Final mark; empty while there is none.", pii=True),
    Column("credits", NUMBER, "Credits earned, or to be earned while in progress."),
    Column("completed_on", DATE, "Date of completion."),
    Column("state", TEXT, "completed, in_progress or scheduled."),
)
GRADUATION_REQUIREMENTS = _table(
    "core",
    "graduation_requirements",
    "Credits required for graduation by subject.",
    _SCHOOL_ID,
    Column("track", TEXT, "Diploma type or track."),
    Column("subject_code", TEXT, "The subject's code."),
    Column("subject_name", TEXT, "The subject's name."),
    Column("credits", NUMBER, "Credits required."),
)
REJECTED_ROWS = _table(
    "core",
    "rejected_rows",
    "Records that could not be loaded, each with its reason. No values of the record but its key.",
    Column("extract_id", TEXT, "The extract that held the record."),
    Column("entity", TEXT, "students, schools, courses or student_courses."),
    Column("source_file", TEXT, "The file's name."),
    Column("row_number", WHOLE, "Number of the record in its file, from 1, the header not counted."),
    Column("record_key", TEXT, "The record's key where it could be read.", pii=True),
    Column("reason_code", TEXT, "Why it was rejected."),
    Column("message", TEXT, "What was seen and whose move it is; without any value."),
    Column(
        "stage", TEXT, "read: the record could not be split into fields; typed: a field was not as agreed."
    ),
)
ACCOUNTS = _table(
    "lifecycle",
    "accounts",
    "What the product holds: one row an account, as last applied.",
    _STUDENT_ID,
    Column("is_active", FLAG, "Whether the account may be used."),
    *(column for column in STUDENTS.columns if column.name in TRACKED),
    Column(
        "sis_key",
        TEXT,
        "The SIS's own key as last seen; finds the account again when student_id changes.",
        pii=True,
    ),
    Column("applied_change_set_id", TEXT, "The change set that wrote this row last."),
)
CHANGE_SETS = _table(
    "lifecycle",
    "change_sets",
    "Proposed differences between the accounts and an extract, and what became of them.",
    Column("change_set_id", TEXT, "The change set: the extract's id and a number."),
    Column("extract_id", TEXT, "The extract that was compared."),
    Column("status", TEXT, "held, applied, discarded, superseded or undone."),
    Column("reasons", "VARCHAR[]", "Why it was held: rule, figures and whose move it is."),
    Column("created_at", TIME, "When it was proposed (business clock)."),
    Column(
        "held_until",
        TIME,
        "Until when it may be approved; empty unless it was held, and without end under a business clock that was set.",
    ),
    Column("decided_at", TIME, "When it was applied, discarded, superseded or undone."),
    Column("decided_by", TEXT, "Who decided; `guard` when the rules let it pass."),
    Column("content_sha256", TEXT, "Hash of its rows; an approval names it."),
    *(Column(f"{kind}s", WHOLE, f"Rows of kind {kind}.") for kind in CHANGE_KINDS),
    Column("unchanged", WHOLE, "Active accounts that do not differ."),
    Column("rejected", WHOLE, "Student records of the extract that were rejected."),
    Column("protected", WHOLE, "Active accounts left alone because their record was rejected."),
    by_district=False,
)
CHANGES = _table(
    "lifecycle",
    "changes",
    "The rows of the change sets: one row a student and kind.",
    Column("change_set_id", TEXT, "The change set."),
    _STUDENT_ID,
    Column("kind", TEXT, "create, update, transfer, promote, deactivate, reactivate or rekey."),
    Column("reason", TEXT, "For a deactivate: missing, withdrawn, transferred_out, graduated or no_show."),
    Column("school_from", TEXT, "School before; empty for a create."),
    Column("school_to", TEXT, "School after; empty for a deactivate."),
    Column("grade_from", TEXT, "Grade before; empty for a create."),
    Column("grade_to", TEXT, "Grade after; empty for a deactivate."),
    Column(
        "changed",
        TEXT,
        'JSON: {"field": {"from": …, "to": …}} for every field that this row changes.',
        pii=True,
    ),
    Column("sis_key_from", TEXT, "The SIS's own key before."),
    Column("sis_key_to", TEXT, "The SIS's own key after."),
    Column(
        "previous_change_set_id",
        TEXT,
        "The change set that had written the account before; undo restores it.",
    ),
    Column("row_sha256", TEXT, "Hash of this row's content; the change set's hash is made of these."),
)
OUTBOX = _table(
    "delivery",
    "outbox",
    "What other systems read: every applied change once, in order, with a key that makes repeating harmless.",
    Column("sequence", WHOLE, "Order within the district, from 1, without gaps."),
    Column("change_set_id", TEXT, "The change set that caused it."),
    Column("idempotency_key", TEXT, "The same change always has the same key."),
    Column(
        "payload",
        TEXT,
        "JSON: the change and the account's fields after it; empty once it was purged, or delivered long ago.",
        pii=True,
    ),
    Column("delivered_at", TIME, "When the reader acknowledged it; empty while it has not."),
)
COURSE_REQUESTS = _table(
    "requests",
    "course_requests",
    "What students ask for next year: every row that was imported, judged, and what became of it.",
    Column("school_year", YEAR, "The school year asked for, by the year in which it ends."),
    _STUDENT_ID,
    Column(
        "school_id", TEXT, "The school where the student's next year is planned, as the request names it."
    ),
    Column("course_code", TEXT, "The course asked for."),
    Column("kind", TEXT, "primary, alternate, or withdrawn: the request is taken back."),
    Column("alternate_for", TEXT, "For an alternate: the course of the request that it stands in for."),
    Column("priority", WHOLE, "Order among the alternates, 1 first."),
    Column("requested_at", TIME, "When the student chose; of several rows of one key the latest stands."),
    Column(
        "status",
        TEXT,
        "valid, then sent, then confirmed, missing or changed; or invalid, duplicate, superseded, withdrawn.",
    ),
    Column("reason", TEXT, "Why, as a code; empty while all is well."),
    Column("sent_at", TIME, "When it was first handed to the SIS."),
    Column("confirmed_at", TIME, "When the SIS was first seen to hold it."),
    Column("import_id", TEXT, "The newest import that brought this row."),
    Column("row_number", WHOLE, "Number of the row in that import, from 1, the header not counted."),
    Column(
        "read_reason", TEXT, "Why the row could not be read as a request; such a row is never judged again."
    ),
    Column("row_sha256", TEXT, "Hash of what the row says: the same row, imported again, is the same row."),
)
REQUEST_IMPORTS = _table(
    "requests",
    "imports",
    "The ledger of files with requests that were taken in.",
    Column("import_id", TEXT, "The import: the district and a running number."),
    Column("imported_at", TIME, "When (business clock)."),
    Column("content_sha256", TEXT, "Hash of the file's bytes."),
    Column("records", WHOLE, "Rows of the file."),
    by_district=False,
)
SIS_IMPORTS = _table(
    "requests",
    "sis_imports",
    "What was handed to the SIS: one row a file, or one for the calls of its API.",
    Column("export_id", TEXT, "The export: the district and a running number."),
    Column("made_at", TIME, "When (business clock)."),
    Column("name", TEXT, "The file's name; the table's, for an API."),
    Column("bytes", WHOLE, "Its size; empty for an API."),
    Column("sha256", TEXT, "Hash of its bytes; empty for an API."),
    Column("records", WHOLE, "Requests in it."),
    Column("refused", WHOLE, "Requests that the API refused."),
    by_district=False,
)
CONFIRMATIONS = _table(
    "requests",
    "confirmations",
    "What the SIS held when it was last looked at: every request that was sent, and what nobody sent.",
    Column("school_year", YEAR, "The school year asked for."),
    _STUDENT_ID,
    Column("school_id", TEXT, "The school: of the request, or of the SIS where nobody sent one."),
    Column("course_code", TEXT, "The course."),
    Column(
        "result",
        TEXT,
        "confirmed, missing, changed (the SIS holds it otherwise) or extra (nobody sent it, or it was withdrawn).",
    ),
    Column("reason", TEXT, "Why, as a code; empty when confirmed."),
    Column("differs", "VARCHAR[]", "For a changed one: the fields that differ."),
    Column("checked_at", TIME, "When (business clock)."),
)
EXTRACTS = _table(
    "ops",
    "extracts",
    "The ledger of reads: one row for every time a district's source was read.",
    Column("extract_id", TEXT, "The extract: the district and a running number."),
    Column("sis", TEXT, "The kind of source, as in the district file."),
    Column("started_at", TIME, "When the read began (business clock)."),
    Column("finished_at", TIME, "When it ended (business clock)."),
    Column("status", TEXT, "complete, unchanged or failed."),
    Column(
        "files",
        "STRUCT(name VARCHAR, bytes BIGINT, sha256 VARCHAR, records BIGINT, entity VARCHAR)[]",
        "The files that were read; records as counted, header, blank lines and repeated headers aside.",
    ),
    Column(
        "rows_loaded",
        WHOLE,
        "Records that stand in the core tables, or were set aside by the district's own settings."
        " NULL until the extract is typed; one that another replaced before, in a pause, never is.",
    ),
    Column(
        "rows_rejected",
        WHOLE,
        "Records in core.rejected_rows; until the extract is typed, those that could not be read.",
    ),
    Column("content_sha256", TEXT, "Hash of all files' bytes: what `the same bytes` means."),
    Column("read_under", TEXT, "Hash of the settings under which the bytes were read."),
    Column("typed_under", TEXT, "Hash of the settings and code under which the core tables were made of it."),
    Column("unknown_columns", "VARCHAR[]", "Columns that the contract does not know, as entity.column."),
    Column("reason", TEXT, "For a failed read: what was seen and whose move it is."),
    Column("passing", FLAG, "For a failed read: whether a later one may succeed without anybody's help."),
    Column(
        "stated",
        TEXT,
        "JSON: how it was read, as far as the kind of SIS has several ways: which values are the ids, which files hold only changes.",
    ),
    by_district=False,
)
PROPOSALS = _table(
    "ops",
    "proposals",
    "The ledger of comparisons: which extract was compared with the accounts, and under what.",
    Column("number", WHOLE, "Running number of the district's comparisons, from 1."),
    Column("extract_id", TEXT, "The extract that was compared."),
    Column("content_sha256", TEXT, "Hash of the extract's bytes."),
    Column("mode", TEXT, "The calendar's mode: normal or additions_only."),
    Column("district_file_sha256", TEXT, "Hash of the district file in force."),
    Column("proposed_at", TIME, "When it was compared (business clock)."),
    Column(
        "delivered",
        FLAG,
        "Whether something of it was applied, or nothing differed: such an extract is the next one's yardstick.",
    ),
    Column("waiting", WHOLE, "Changes that the calendar's mode kept back."),
    by_district=False,
)
AUDIT = _table(
    "ops",
    "audit",
    "Who did what, chained by hashes within the district; under the district_id `*` what concerns them all.",
    Column("happened_at", TIME, "When."),
    Column("actor", TEXT, "The person or process."),
    Column("action", TEXT, "approve, discard, undo, read_outside_window, purge, purge_expired."),
    Column("subject", TEXT, "What it was done to, an id."),
    Column("detail", TEXT, "JSON with counts, hashes and the person's note; no student's data."),
    Column("previous_sha256", TEXT, "Hash of the district's row before this one."),
    Column("sha256", TEXT, "Hash of this row and the one before."),
    by_district=False,
)
ALERTS = _table(
    "ops",
    "alerts",
    "What people were told of a district's trouble: one row for every trouble, and when it was over.",
    Column("kind", TEXT, "The kind of trouble, as the alert names it."),
    Column("content", TEXT, "Hash of what was told, so that the same is not told again."),
    Column("since", TIME, "Since when it is so."),
    Column("told_at", TIME, "When somebody was told last."),
    Column("recovered_at", TIME, "When it was told that it is over. NULL while it lasts."),
    by_district=False,
)

CORE = (
    SCHOOLS,
    TERMS,
    STUDENTS,
    STUDENT_SCHOOLS,
    COURSES,
    SCHOOL_COURSES,
    SECTIONS,
    SECTION_ENROLLMENTS,
    STAFF,
    STUDENT_COURSES,
    GRADUATION_REQUIREMENTS,
)
REQUESTS = (COURSE_REQUESTS, REQUEST_IMPORTS, SIS_IMPORTS, CONFIRMATIONS)
TABLES = (
    *CORE,
    REJECTED_ROWS,
    ACCOUNTS,
    CHANGE_SETS,
    CHANGES,
    OUTBOX,
    *REQUESTS,
    EXTRACTS,
    PROPOSALS,
    AUDIT,
    ALERTS,
)
