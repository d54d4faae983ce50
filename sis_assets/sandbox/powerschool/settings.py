"""What differs between PowerSchool servers, or is not confirmed: every such thing is a switch (contract, last part)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: Resources of /ws/v1/metadata that have a page size of their own.
PAGED = (
    "course",
    "school",
    "section",
    "section_enrollment",
    "staff",
    "student",
    "term",
    "schema_table_query",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How this server behaves. The defaults are what was seen most.

    client_id, client_secret   the credentials that are accepted
    expires_in_as_text         `expires_in` is "3600" rather than 3600
    token_seconds              how long a token is good
    page_sizes                 the greatest page size of a resource (names of PAGED); 100 where it is not named
    above_page_size            a greater `pagesize` is capped, or refused with 400
    signed_numbers             a negative number of /ws/v1 is a JSON number; quoted where False
    flags_as_text              a flag of /ws/v1 is "true" rather than true
    graduated_school_listed    /ws/v1/district/school lists the pseudo-school 999999, which its count leaves out
    school_students            a school's students are of every status, as the district's, or active ones only
    unknown_expansion          an unknown name in `expansions` is ignored, or refused with 400
    empty_records              a table answer without rows has an empty `record`, or none
    schedule_requests          what POST on the table schedulerequests meets: 405, 403, or it works
    schedule_year_as_term      schedulerequests.yearid is 3700 rather than 37
    """

    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens nothing but this server
    expires_in_as_text: bool = True
    token_seconds: int = 2_504_956
    page_sizes: Mapping[str, int] = field(default_factory=dict)
    above_page_size: Literal["cap", "reject"] = "cap"
    signed_numbers: bool = True
    flags_as_text: bool = False
    graduated_school_listed: bool = False
    school_students: Literal["all", "active"] = "all"
    unknown_expansion: Literal["ignore", "reject"] = "ignore"
    empty_records: Literal["list", "absent"] = "list"
    schedule_requests: Literal["405", "403", "works"] = "405"
    schedule_year_as_term: bool = False
    version: str = "24.4.0.1"
    plugin_id: int = 12
    timezone: str = "America/Los_Angeles"
    state: str = "CA"

    def page_size(self, resource: str) -> int:
        """Return the greatest page size of a resource."""
        return self.page_sizes.get(resource, 100)
