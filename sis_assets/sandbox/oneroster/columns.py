"""The files of each version and their columns, in order (contract: OneRoster §4.2)."""

from __future__ import annotations

from collections.abc import Mapping

from sis_assets.sandbox.oneroster.people import RACES
from sis_assets.sandbox.oneroster.settings import Version

_FILES_OF_BOTH = (
    "academicSessions",
    "categories",
    "classes",
    "classResources",
    "courses",
    "courseResources",
    "demographics",
    "enrollments",
    "lineItems",
    "orgs",
    "resources",
    "results",
    "users",
)
_FILES_OF_1_2 = (
    "lineItemLearningObjectiveIds",
    "lineItemScoreScales",
    "resultLearningObjectiveIds",
    "resultScoreScales",
    "roles",
    "scoreScales",
    "userProfiles",
    "userResources",
)
#: What a manifest names.
FILES: Mapping[Version, tuple[str, ...]] = {
    "1.1": _FILES_OF_BOTH,
    "1.2": tuple(sorted(_FILES_OF_BOTH + _FILES_OF_1_2)),
}


def _columns(names: str) -> tuple[str, ...]:
    return ("sourcedId", "status", "dateLastModified", *names.split())


_OF_BOTH: Mapping[str, tuple[str, ...]] = {
    "orgs": _columns("name type identifier parentSourcedId"),
    "academicSessions": _columns("title type startDate endDate parentSourcedId schoolYear"),
    "courses": _columns("schoolYearSourcedId title courseCode grades orgSourcedId subjects subjectCodes"),
    "classes": _columns(
        "title grades courseSourcedId classCode classType location schoolSourcedId termSourcedIds subjects"
        " subjectCodes periods"
    ),
    "enrollments": _columns("classSourcedId schoolSourcedId userSourcedId role primary beginDate endDate"),
    "demographics": _columns(
        f"birthDate sex {' '.join(RACES)} countryOfBirthCode stateOfBirthAbbreviation cityOfBirth"
        " publicSchoolResidenceStatus"
    ),
}
_PERSON = "username userIds givenName familyName middleName identifier email sms phone agentSourcedIds grades password"
COLUMNS: Mapping[Version, Mapping[str, tuple[str, ...]]] = {
    "1.1": {**_OF_BOTH, "users": _columns(f"enabledUser orgSourcedIds role {_PERSON}")},
    "1.2": {
        **_OF_BOTH,
        "users": _columns(
            f"enabledUser {_PERSON} userMasterIdentifier preferredGivenName preferredMiddleName"
            " preferredFamilyName primaryOrgSourcedId pronouns"
        ),
        "roles": _columns("userSourcedId roleType role beginDate endDate orgSourcedId userProfileSourcedId"),
    },
}
