"""Why a record was rejected: one code and one sentence for each, free of values, ending with whose move it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sis_assets.model.faults import Mover, sentence


def _district(text: str) -> str:
    return sentence(text, Mover.DISTRICT)


def _engineer(text: str) -> str:
    return sentence(text, Mover.ENGINEER)


def unreadable(seen: str) -> str:
    """Return the sentence of a record that could not be split into fields; `seen` says what was found, without a value."""
    return _district(
        f"{seen[:1].upper()}{seen[1:]}. Correct the record in the SIS, or the way in which the export writes it"
    )


REASONS: Mapping[str, str] = MappingProxyType(
    {
        "missing_student_id": _district("The record has no student id. Give every student an id in the SIS"),
        "missing_staff_id": _district("The record has no staff id. Complete it in the SIS"),
        "missing_first_name": _district("The record has no first name. Complete it in the SIS"),
        "missing_last_name": _district("The record has no last name. Complete it in the SIS"),
        "missing_grade": _district("The record has no grade. Complete it in the SIS"),
        "missing_school": _district("The record has no school. Complete it in the SIS"),
        "missing_school_id": _district("The school has no code. Complete it in the SIS"),
        "missing_name": _district("The record has no name. Complete it in the SIS"),
        "missing_course_code": _district("The record has no course code. Complete it in the SIS"),
        "missing_status": _district("The record has no enrolment status. Complete it in the SIS"),
        "missing_sourced_id": _district("The record has no sourcedId. Give every record one in the SIS"),
        "missing_code": _district("The record has no code. Complete it in the SIS"),
        "unknown_grade": _engineer(
            "The grade's code is not known. Add it to codes.grade of the district file"
        ),
        "several_grades": _district("The student has more than one grade. Keep the current one in the SIS"),
        "unknown_status": _district(
            "The record's status is none of active, tobedeleted and blank. Correct it in the SIS"
        ),
        "unknown_role": _district("The role is none that OneRoster knows. Correct it in the SIS"),
        "unknown_org": _district(
            "The record names an organisation that the extract does not have. Send the organisation too"
        ),
        "unknown_org_type": _district(
            "The organisation's type is none that OneRoster knows. Correct it in the SIS"
        ),
        "org_is_no_school": _district(
            "The record names an organisation that is no school. Correct it in the SIS"
        ),
        "unknown_person": _district(
            "The record names a person that the extract does not have. Send the person too"
        ),
        "person_rejected": _district("The person's own record was rejected. Repair that record first"),
        "demographics_rejected": _district(
            "The person's demographics were rejected, so the birth date is not known. Repair that record first"
        ),
        "invalid_flag": _district("A value that must be true or false is neither. Correct it in the SIS"),
        "unknown_school": _district(
            "The record names a school that the extract does not have. Send the school too"
        ),
        "unknown_school_type": _district(
            "The school's type is none of 1, 2 and 3. Correct the building types in the SIS"
        ),
        "unknown_term": _district(
            "The record names a term that the extract does not have. Correct it in the SIS"
        ),
        "unknown_course": _district(
            "The record names a course that the extract does not have. Correct it in the SIS"
        ),
        "unknown_section": _district(
            "The record names a section that the extract does not have. Correct it in the SIS"
        ),
        "unknown_requirement_set": _district(
            "The record names a set of requirements that the extract does not have. Correct it in the SIS"
        ),
        "unknown_student": _district(
            "The record names a student that the student file does not have. Export both together"
        ),
        "student_rejected": _district("The student's own record was rejected. Repair that record first"),
        "invalid_birth_date": _district(
            "The birth date is no possible date in the agreed form. Correct it, or the district file's date_format"
        ),
        "invalid_date": _district(
            "The date is no possible date in the agreed form. Correct it, or the district file's date_format"
        ),
        "invalid_gender": _district("The gender is none of M, F, N, X and empty. Correct it in the SIS"),
        "invalid_credits": _district("The credits are no number. Correct them in the SIS"),
        "invalid_school_year": _district("The school year is no year. Correct it in the SIS"),
        "invalid_graduation_year": _district("The graduation year is no year. Correct it in the SIS"),
        "duplicate_row": _district(
            "The record stands in the file more than once; the first one counts. Remove the copy"
        ),
        "conflicting_rows": _district(
            "Several records of one key contradict each other, so none counts. Keep the right one in the SIS"
        ),
    }
)
