"""Products that a district's people, courses and enrolments are written to."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from sis_assets.districts.secret import Identifier, Secret
from sis_assets.districts.section import Section
from sis_assets.districts.text import Code, SchoologyUrl, Text


class Roles(Section):
    """The names of Schoology's roles."""

    student: Text = Field("Student", description="The role that students get.")
    staff: Text = Field("Teacher", description="The role that staff get.")


class Schoology(Section):
    """The learning platform Schoology."""

    url: SchoologyUrl = Field(description="The API's address; it ends in /v1.")
    consumer_key: Identifier = Field(description="The application's consumer key.")
    consumer_secret: Secret = Field(description="The application's consumer secret.")
    acting_user: Text = Field(
        description="The uid of the user as whom every call runs; its role must be a system administrator's."
    )
    roles: Roles = Field(Roles(), description="The names of the roles there.")
    schools: Mapping[Code, Text] = Field(
        {}, description="school_id → building id. Schools that are not listed match by building code."
    )
    terms: Mapping[Code, Text] = Field(
        {}, description="term_id → grading period id. Terms that are not listed match by title and dates."
    )
    inactive_leavers: bool = Field(
        False,  # noqa: FBT003 - the default of a key
        description="Also set a leaver's user inactive.",
    )


class Destinations(Section):
    """Where to write, apart from the outbox."""

    schoology: Schoology | None = Field(None, description="The learning platform Schoology.")
