"""What is read of OneRoster 1.1 and 1.2: each entity, its CSV header in the standard's order, and its place in JSON.

The raw tables are the same for files and for the API. A reference is kept as its sourcedId, a list as the source writes
it: in one CSV cell with commas, or as JSON. Contract: OneRoster §4.2 (columns), §4.3 (JSON).
"""

from __future__ import annotations

from collections.abc import Mapping

from sis_assets.sis.oneroster.layout import BOTH, ONLY_11, ONLY_12, Entity, Form, Value, Version
from sis_assets.sis.shape import SIS_KEY


def _words(both: str, only_11: str = "", only_12: str = "") -> Mapping[Version, frozenset[str]]:
    return {
        "1.1": frozenset((both + " " + only_11).split()),
        "1.2": frozenset((both + " " + only_12).split()),
    }


def _identity(what: str, *, pii: bool = False, target: str = "") -> tuple[Value, ...]:
    """Return the first three columns, which every file has."""
    return (
        Value(
            "sourcedId",
            f"The {what}'s key.",
            required=True,
            pii=pii,
            form=Form.GUID,
            filled=BOTH,
            target=target,
        ),
        Value("status", "active or tobedeleted; blank in bulk files.", form=Form.STATUS),
        Value(
            "dateLastModified",
            "When the source changed the record; blank in bulk files.",
            form=Form.TIME,
            headers=("dataLastModified", "lastModifiedDate"),
        ),
    )


def _grades(description: str) -> Value:
    return Value("grades", description, also=("grade",), form=Form.LIST, headers=("grade",))


def _subjects() -> tuple[Value, ...]:
    return (
        Value("subjects", "Subjects in words.", form=Form.LIST),
        Value("subjectCodes", "Codes of the subjects.", form=Form.LIST),
    )


def _race(name: str) -> Value:
    return Value(name, "Race or ethnicity.", pii=True, form=Form.FLAG, kept=False)


ORGS = Entity(
    "orgs",
    "orgs",
    "Schools and what is above and below them.",
    (
        *_identity("organisation"),
        Value("name", "The name.", required=True, filled=BOTH),
        Value(
            "type",
            "school, department, district, local, state or national.",
            required=True,
            filled=BOTH,
            words=_words("department school district local state national"),
        ),
        Value("identifier", "A code that people know it by, such as the state's."),
        Value(
            "parentSourcedId",
            "The organisation above it.",
            also=("parent.sourcedId",),
            form=Form.GUID,
            target="orgs",
        ),
    ),
    always=True,
    json_only=("children",),
)
ACADEMIC_SESSIONS = Entity(
    "academic_sessions",
    "academicSessions",
    "School years, semesters, terms and grading periods.",
    (
        *_identity("session"),
        Value("title", "The name.", required=True, filled=BOTH),
        Value(
            "type",
            "gradingPeriod, semester, schoolYear or term.",
            filled=BOTH,
            words=_words("gradingPeriod semester schoolYear term"),
        ),
        Value("startDate", "First day.", required=True, form=Form.DATE, filled=BOTH),
        Value("endDate", "The day after the last day.", required=True, form=Form.DATE, filled=BOTH),
        Value(
            "parentSourcedId",
            "The session of which it is a part.",
            also=("parent.sourcedId",),
            form=Form.GUID,
            target="academic_sessions",
        ),
        Value("schoolYear", "The year in which the school year ends.", form=Form.YEAR, filled=BOTH),
    ),
    json_only=("children",),
)
COURSES = Entity(
    "courses",
    "courses",
    "The course catalogue.",
    (
        *_identity("course"),
        Value(
            "schoolYearSourcedId",
            "The school year for which it is.",
            also=("schoolYear.sourcedId",),
            form=Form.GUID,
            target="academic_sessions",
        ),
        Value("title", "The name.", required=True, filled=BOTH),
        Value("courseCode", "The code that people know it by."),
        _grades("Grades for which it is."),
        Value(
            "orgSourcedId",
            "The school or district that offers it.",
            also=("org.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="orgs",
        ),
        *_subjects(),
    ),
    json_only=("resources",),
)
CLASSES = Entity(
    "classes",
    "classes",
    "Sections of courses.",
    (
        *_identity("class"),
        Value("title", "The name.", filled=BOTH),
        _grades("Grades for which it is."),
        Value(
            "courseSourcedId",
            "The course.",
            required=True,
            also=("course.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="courses",
        ),
        Value("classCode", "The code that people know it by."),
        Value("classType", "homeroom or scheduled.", filled=BOTH, words=_words("homeroom scheduled")),
        Value("location", "Where it meets."),
        Value(
            "schoolSourcedId",
            "The school.",
            required=True,
            also=("school.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="orgs",
        ),
        Value(
            "termSourcedIds",
            "The terms in which it meets.",
            also=("terms",),
            form=Form.GUIDS,
            filled=BOTH,
            headers=("termSourcedId",),
            target="academic_sessions",
        ),
        *_subjects(),
        Value("periods", "The periods in which it meets.", also=("period",), form=Form.LIST),
    ),
    json_only=("resources",),
)
ENROLLMENTS = Entity(
    "enrollments",
    "enrollments",
    "Who is in which class.",
    (
        *_identity("enrolment"),
        Value(
            "classSourcedId",
            "The class.",
            required=True,
            also=("class.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="classes",
        ),
        Value(
            "schoolSourcedId",
            "The school.",
            also=("school.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="orgs",
        ),
        Value(
            "userSourcedId",
            "The person.",
            required=True,
            pii=True,
            also=("user.sourcedId",),
            form=Form.GUID,
            filled=BOTH,
            target="users",
        ),
        Value(
            "role",
            "administrator, proctor, student or teacher.",
            required=True,
            filled=BOTH,
            words=_words("administrator proctor student teacher"),
        ),
        Value("primary", "Whether a teacher is the primary one of the class.", form=Form.FLAG),
        Value("beginDate", "First day.", form=Form.DATE),
        Value("endDate", "The day after the last day.", form=Form.DATE),
    ),
)
USERS = Entity(
    "users",
    "users",
    "Students, staff and the people around them.",
    (
        *_identity("person", pii=True),
        Value("enabledUser", "Whether the person may log in.", form=Form.FLAG, filled=BOTH),
        Value(
            "orgSourcedIds",
            "The organisations to which the person belongs (1.1).",
            also=("orgs",),
            form=Form.GUIDS,
            versions=ONLY_11,
            filled=ONLY_11,
            target="orgs",
        ),
        Value(
            "role",
            "What the person is there (1.1).",
            versions=ONLY_11,
            filled=ONLY_11,
            words=_words("administrator aide guardian parent proctor relative student teacher"),
        ),
        Value("username", "The login name.", pii=True, filled=BOTH),
        Value("userIds", "Further ids, each with its type.", pii=True, form=Form.IDS),
        Value("givenName", "First name.", required=True, pii=True, filled=BOTH, headers=("firstName",)),
        Value("familyName", "Last name.", required=True, pii=True, filled=BOTH, headers=("lastName",)),
        Value("middleName", "Middle name.", pii=True),
        Value("identifier", "A number that people know the person by.", pii=True),
        Value("email", "E-mail address.", pii=True),
        Value("sms", "Mobile number.", pii=True, kept=False),
        Value("phone", "Telephone number.", pii=True, kept=False),
        Value(
            "agentSourcedIds",
            "People who act for the person.",
            pii=True,
            also=("agents",),
            form=Form.GUIDS,
            target="users",
            kept=False,
        ),
        _grades("The grade; several for teachers."),
        Value("password", "A password.", pii=True, kept=False),
        Value("userMasterIdentifier", "One id for the person everywhere.", pii=True, versions=ONLY_12),
        Value(
            "resourceSourcedIds",
            "Resources; only in drafts of 1.2.",
            form=Form.GUIDS,
            versions=frozenset(),
            kept=False,
        ),
        Value(
            "preferredGivenName",
            "First name by which the person goes.",
            pii=True,
            also=("preferredFirstName",),
            versions=ONLY_12,
            headers=("prefferedGivenName",),
        ),
        Value(
            "preferredMiddleName",
            "Middle name by which the person goes.",
            pii=True,
            versions=ONLY_12,
            headers=("prefferedMiddleName",),
        ),
        Value(
            "preferredFamilyName",
            "Last name by which the person goes.",
            pii=True,
            also=("preferredLastName",),
            versions=ONLY_12,
            headers=("prefferedFamilyName",),
        ),
        Value(
            "primaryOrgSourcedId",
            "The organisation to which the person mainly belongs.",
            also=("primaryOrg.sourcedId",),
            form=Form.GUID,
            versions=ONLY_12,
            target="orgs",
        ),
        Value("pronouns", "Pronouns.", pii=True, versions=ONLY_12, kept=False),
        Value(
            "roles",
            "JSON of the API 1.2: what the person is, at each organisation.",
            form=Form.LIST,
            versions=frozenset(),
        ),
    ),
    always=True,
    json_only=("userProfiles", "resources", "agents"),
)
ROLES = Entity(
    "roles",
    "roles",
    "What a person is at an organisation (files of 1.2).",
    (
        *_identity("role"),
        Value(
            "userSourcedId",
            "The person.",
            required=True,
            pii=True,
            form=Form.GUID,
            filled=BOTH,
            target="users",
        ),
        Value("roleType", "primary or secondary.", filled=BOTH, words=_words("primary secondary")),
        Value(
            "role",
            "What the person is there.",
            required=True,
            filled=BOTH,
            words=_words(
                "aide counselor districtAdministrator guardian parent principal proctor relative"
                " siteAdministrator student systemAdministrator teacher"
            ),
        ),
        Value("beginDate", "First day.", form=Form.DATE),
        Value("endDate", "The day after the last day.", form=Form.DATE),
        Value("orgSourcedId", "The organisation.", required=True, form=Form.GUID, filled=BOTH, target="orgs"),
        Value("userProfileSourcedId", "The account with which the person acts.", form=Form.GUID, kept=False),
    ),
    versions=ONLY_12,
    has_api=False,
)
DEMOGRAPHICS = Entity(
    "demographics",
    "demographics",
    "Birth date and sex of persons.",
    (
        *_identity("person", pii=True, target="users"),
        Value("birthDate", "Date of birth.", pii=True, also=("birthdate",), form=Form.DATE),
        Value(
            "sex",
            "male or female; in 1.2 also unspecified and other.",
            words=_words("male female", "", "unspecified other"),
        ),
        *map(
            _race,
            (
                "americanIndianOrAlaskaNative",
                "asian",
                "blackOrAfricanAmerican",
                "nativeHawaiianOrOtherPacificIslander",
                "white",
                "demographicRaceTwoOrMoreRaces",
                "hispanicOrLatinoEthnicity",
            ),
        ),
        Value("countryOfBirthCode", "Country of birth.", pii=True, kept=False),
        Value("stateOfBirthAbbreviation", "State of birth.", pii=True, kept=False),
        Value("cityOfBirth", "City of birth.", pii=True, kept=False),
        Value("publicSchoolResidenceStatus", "Residence status.", pii=True, kept=False),
    ),
)

#: In the order of their judgement (`canonical`): each may refer to those before it.
ENTITIES = (ORGS, ACADEMIC_SESSIONS, DEMOGRAPHICS, ROLES, USERS, COURSES, CLASSES, ENROLLMENTS)
BY_NAME: Mapping[str, Entity] = {entity.name: entity for entity in ENTITIES}
RAW_TABLES = tuple(entity.raw for entity in ENTITIES)
#: Where records name a student, always by the sourcedId.
STUDENTS = {
    "users": {"sourcedId": SIS_KEY},
    "demographics": {"sourcedId": SIS_KEY},
    "roles": {"userSourcedId": SIS_KEY},
    "enrollments": {"userSourcedId": SIS_KEY},
}

_FILES_OF_BOTH = (
    "academicSessions categories classes classResources courses courseResources demographics enrollments lineItems orgs"
    " resources results users"
)
_FILES_OF_12 = (
    "lineItemLearningObjectiveIds lineItemScoreScales resultLearningObjectiveIds resultScoreScales roles scoreScales"
    " userProfiles userResources"
)
#: The files of which a manifest must speak, by version: also those that are not read.
FILES = _words(_FILES_OF_BOTH, "", _FILES_OF_12)
