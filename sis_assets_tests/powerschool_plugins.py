"""Plugin zips for tests of the PowerSchool server."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

NAMESPACE = "http://plugin.powerschool.pearson.com"
GRANTS = (
    ("STUDENTS", "DCID"),
    ("STUDENTS", "STUDENT_NUMBER"),
    ("STUDENTS", "MIDDLE_NAME"),
    ("STUDENTS", "GRADE_LEVEL"),
)
ACTIVE = "org.example.sandbox.students.active"
NESTED = "org.example.sandbox.students.nested"
UNGRANTED = "org.example.sandbox.students.ungranted"


def plugin_xml(
    *,
    name: str = "Sample Sync",
    version: str = "1.0.0",
    oauth: str = '<oauth accessLevelV1Api="READ"/>',
    fields: str | None = None,
    publisher: str = '<publisher name="Sample"><contact email="it@example.org"/></publisher>',
    namespace: str = NAMESPACE,
) -> str:
    granted = "".join(
        f'<field table="{table}" field="{column}" access="ViewOnly"/>' for table, column in GRANTS
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><plugin xmlns="{namespace}" name="{name}" version="{version}" '
        f'description="Reads samples">{oauth}<access_request>{granted if fields is None else fields}</access_request>'
        f"{publisher}</plugin>"
    )


def query_xml(
    name: str, sql: str, columns: Mapping[str, str], *, flattened: bool = True, args: str = ""
) -> str:
    told = "".join(f'<column column="{column}">{alias}</column>' for alias, column in columns.items())
    return (
        f'<query name="{name}" coreTable="Students" flattened="{str(flattened).lower()}"><description>d</description>'
        f"<args>{args}</args><columns>{told}</columns><sql><![CDATA[{sql}]]></sql></query>"
    )


QUERIES = "".join(
    (
        query_xml(
            ACTIVE,
            "select s.dcid, s.student_number, nvl(s.middle_name, null), s.grade_level from students s "
            "where s.enroll_status = 0 and s.grade_level >= :grade order by s.dcid desc;",
            {
                "STUDENTS.DCID": "STUDENTS.DCID",
                "STUDENTS.STUDENT_NUMBER": "STUDENTS.STUDENT_NUMBER",
                "STUDENTS.MIDDLE_NAME": "STUDENTS.MIDDLE_NAME",
                "grade": "STUDENTS.GRADE_LEVEL",
            },
            args='<arg name="grade" column="STUDENTS.GRADE_LEVEL" required="true" type="primitive"/>',
        ),
        query_xml(
            NESTED,
            "select s.dcid, s.student_number from students s order by s.dcid",
            {"STUDENTS.DCID": "STUDENTS.DCID", "STUDENTS.STUDENT_NUMBER": "STUDENTS.STUDENT_NUMBER"},
            flattened=False,
        ),
        query_xml(
            UNGRANTED,
            "select s.dcid, to_char(s.dob, 'YYYY-MM-DD') from students s order by s.dcid",
            {"dcid": "STUDENTS.DCID", "dob": "STUDENTS.DOB"},
        ),
    )
)


def plugin_zip(
    path: Path, *, plugin: str | None = None, queries: str | None = None, name: str = "plugin.xml"
) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, plugin_xml() if plugin is None else plugin)
        archive.writestr(
            "queries_root/sample.named_queries.xml",
            f"<queries>{QUERIES if queries is None else queries}</queries>",
        )
        archive.writestr("permissions_root/sample.permission_mappings.xml", "<permission_mappings/>")
    return path
