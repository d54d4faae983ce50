"""Data quality of the canonical tables, by district: what the asset checks report. Counts only, never a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sis_assets.warehouse.rows import quoted

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

#: A district's check fails when more of its records than this share were rejected …
REJECTED_PERCENT = 1.0
#: … or when an entity's records differ by more than this share from those of the extract before.
COUNT_PERCENT = 10.0

CHECKS = {
    "ids_unique": "Every student_id, school_id and course_code stands once.",
    "references_resolve": "Schools of students and courses, and students of student courses, exist.",
    "rejected_share": f"At most {REJECTED_PERCENT:g} % of the extract's records were rejected.",
    "record_counts": f"No file's records differ by more than {COUNT_PERCENT:g} % from the complete extract before.",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one district."""

    district_id: str
    check: str
    passed: bool
    figures: dict[str, float]


def examine(connection: DuckDBPyConnection, districts: Sequence[str]) -> list[Finding]:
    """Run every check for the districts of the set; gives one finding a district and check."""
    names = quoted(districts)
    findings: list[Finding] = []
    doubled = _by_district(
        connection,
        " UNION ALL ".join(
            f"SELECT district_id, '{table}', count(*) - count(DISTINCT {key}) FROM core.{table} WHERE district_id IN ({names}) GROUP BY district_id"
            for table, key in (
                ("students", "student_id"),
                ("schools", "school_id"),
                ("courses", "course_code"),
            )
        ),
    )
    dangling = _by_district(
        connection,
        " UNION ALL ".join(
            f"SELECT c.district_id, '{child}.{key}', count(*) FILTER (p.{key} IS NULL) FROM core.{child} c LEFT JOIN"
            f" (SELECT DISTINCT district_id, {key} FROM core.{parent} WHERE district_id IN ({names})) p"
            f" ON p.district_id = c.district_id AND p.{key} = c.{key} WHERE c.district_id IN ({names}) GROUP BY c.district_id"
            for child, parent, key in (
                ("students", "schools", "school_id"),
                ("school_courses", "schools", "school_id"),
                ("student_courses", "students", "student_id"),
            )
        ),
    )
    extracts = connection.execute(
        "SELECT district_id, list({'records': list_sum(list_transform(files, lambda f: f.records)), 'rejected': coalesce(rows_rejected, 0),"
        " 'files': list_transform(files, lambda f: {'entity': f.entity, 'records': f.records})} ORDER BY extract_id DESC)[1:2]"
        f" FROM ops.extracts WHERE status = 'complete' AND district_id IN ({names}) GROUP BY district_id"
    ).fetchall()
    for name in districts:
        findings.append(_none_of(name, "ids_unique", doubled.get(name, {})))
        findings.append(_none_of(name, "references_resolve", dangling.get(name, {})))
    for name, newest in extracts:
        findings += [_rejected(name, newest[0]), _counts(name, newest)]
    return findings


def _by_district(connection: DuckDBPyConnection, query: str) -> dict[str, dict[str, float]]:
    result: dict[str, dict[str, float]] = {}
    for district_id, name, number in connection.execute(query).fetchall():
        result.setdefault(district_id, {})[name] = number
    return result


def _none_of(district_id: str, check: str, figures: dict[str, float]) -> Finding:
    return Finding(district_id, check, not any(figures.values()), figures)


def _rejected(district_id: str, extract: dict[str, int]) -> Finding:
    share = 100 * extract["rejected"] / max(extract["records"], 1)
    return Finding(
        district_id,
        "rejected_share",
        share <= REJECTED_PERCENT,
        {"rejected": extract["rejected"], "percent": round(share, 3)},
    )


def _counts(district_id: str, newest: Sequence[dict[str, list[dict[str, int]]]]) -> Finding:
    now = {file["entity"]: file["records"] for file in newest[0]["files"]}
    before = {file["entity"]: file["records"] for file in newest[-1]["files"]}
    changed = {
        str(entity): round(100 * (now.get(entity, 0) - records) / records, 3)
        for entity, records in before.items()
        if records
    }
    return Finding(
        district_id,
        "record_counts",
        all(abs(percent) <= COUNT_PERCENT for percent in changed.values()),
        dict(changed),
    )
