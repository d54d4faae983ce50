"""Students as Aeries tells them: the list, the extended data, the enrolment history (contract: Aeries §2.3).

Column names are Aeries' own, with real types; `""`, `0` and `null` stand for empty by type when served.
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from sis_assets.sandbox.aeries.data import (
    ACTIVE,
    FIRST_HIGH_SCHOOL_GRADE,
    LAST_GRADE,
    PRE_ENROLLED,
    RECORDS,
    District,
)
from sis_assets.sandbox.names import family_name

_AGE_AT_GRADUATION = 18
#: Of eleven people, the one that the state has given no number; of thirteen, the one without an address.
_WITHOUT_STATE_ID, _WITHOUT_EMAIL = 5, 0
#: Fields that older builds do not have; AtRiskPoints stands there in place of EarlyWarningPoints.
_NEWER = (
    "StudentPersonalEmailAddress",
    "EarlyWarningPoints",
    "NotificationPreferenceCode",
    "RecordsReleaseCode",
)
_GRADE_NAMES = {
    -2: ("IT", "Infant Toddler"),
    -1: ("PS", "Preschool"),
    0: ("K", "Kindergarten"),
    1: ("1", "First Grade"),
    2: ("2", "Second Grade"),
    3: ("3", "Third Grade"),
    4: ("4", "Fourth Grade"),
    5: ("5", "Fifth Grade"),
    6: ("6", "Sixth Grade"),
    7: ("7", "Seventh Grade"),
    8: ("8", "Eighth Grade"),
    9: ("9", "Ninth Grade"),
    10: ("10", "Tenth Grade"),
    11: ("11", "Eleventh Grade"),
    12: ("12", "Twelfth Grade"),
    13: ("13", "Reserved for Graduating Seniors"),
}


def described(district: District) -> pl.DataFrame:
    """Return every school record as a registrar would describe it, by school and student number.

    Beside the columns of RECORDS and PEOPLE: state_id, first_name, middle_name, last_name, gender, birth_date, email,
    next_school (0 none), next_grade.
    """
    number = pl.col("number")
    digits = number.cast(pl.String).str.zfill(4)
    gender = district.chance("gender", lasting=True) % 40
    here = pl.col("tag").is_in([ACTIVE, PRE_ENROLLED])
    planned = here & (district.chance("plan", lasting=True) % 20 > 0)
    goes_on = pl.col("grade") == pl.col("high")
    born_from = pl.date(pl.col("class_of") - _AGE_AT_GRADUATION, 1, 1)
    ends = district.schools.select("high", "feeds", school="code")
    return (
        district.records.select(*RECORDS)
        .join(district.people, on="number", maintain_order="left")
        .join(ends, on="school", how="left", maintain_order="left")
        .with_columns(
            state_id=pl.when(number % 11 == _WITHOUT_STATE_ID)
            .then(pl.lit(""))
            .otherwise((number + 7_300_000_000).cast(pl.String)),
            first_name=pl.when(number % 20 == 0).then(pl.lit("Gïven-")).otherwise(pl.lit("Given-")) + digits,
            middle_name=pl.when(number % 3 > 0).then(pl.format("Middle-{}", digits)).otherwise(pl.lit("")),
            last_name=family_name(pl.col("family")),
            gender=pl.when(gender == 0)
            .then(pl.lit("X"))
            .when(gender == 1)
            .then(pl.lit(""))
            .otherwise(pl.lit(["M", "F"]).list.get(gender % 2)),
            birth_date=born_from + pl.duration(days=district.chance("birth", lasting=True) % 365),
            email=pl.when(number % 13 == _WITHOUT_EMAIL)
            .then(pl.lit(""))
            .otherwise(pl.format("student-{}.{}@example.org", number, "mailbox")),
            next_school=pl.when(planned & (pl.col("grade") < LAST_GRADE))
            .then(pl.when(goes_on).then("feeds").otherwise("school"))
            .otherwise(0)
            .fill_null(0),
            next_grade=pl.when(planned).then(pl.col("grade") + 1).otherwise(0),
        )
        .drop("high", "feeds")
        .sort("school", "sn")
    )


def listed(people: pl.DataFrame, *, older_build: bool) -> pl.DataFrame:
    """Return the rows of `/students`, from `described`."""
    blank, zero = pl.lit(""), pl.lit(0)
    street = pl.format("{} Sample Street", pl.col("number") % 900 + 1)
    rows = people.select(
        StudentID="student_id",
        OldStudentID="old_student_id",
        CorrespondenceLanguageCode=pl.lit("00"),
        SchoolCode="school",
        StudentNumber="sn",
        StateStudentID="state_id",
        LastName="last_name",
        FirstName="first_name",
        MiddleName="middle_name",
        LastNameAlias=blank,
        FirstNameAlias=blank,
        MiddleNameAlias=blank,
        Gender="gender",
        Grade="grade",
        GradeLevelShortDescription=_grade_name("grade", 0),
        GradeLevelLongDescription=_grade_name("grade", 1),
        Birthdate="birth_date",
        ParentGuardianName=blank,
        HomePhone=pl.format("555{}", (pl.col("number") % 10_000).cast(pl.String).str.zfill(4)),
        StudentMobilePhone=blank,
        StudentPersonalEmailAddress=blank,
        MailingAddress=street,
        MailingAddressCity=pl.lit("Testbury"),
        MailingAddressState=pl.lit("CA"),
        MailingAddressZipCode=pl.lit("02118"),
        MailingAddressZipExt=blank,
        ResidenceAddress=street,
        ResidenceAddressCity=pl.lit("Testbury"),
        ResidenceAddressState=pl.lit("CA"),
        ResidenceAddressZipCode=pl.lit("02118"),
        ResidenceAddressZipExt=blank,
        AddressVerified=pl.lit(value=False),
        EthnicityCode=pl.lit("N"),
        RaceCode1=pl.lit("700"),
        RaceCode2=blank,
        RaceCode3=blank,
        RaceCode4=blank,
        RaceCode5=blank,
        **{f"UserCode{n}": blank for n in range(1, 14)},
        SchoolEnterDate="enter",
        SchoolLeaveDate="leave",
        DistrictEnterDate="district_enter",
        CounselorNumber=zero,
        Track=blank,
        AttendanceProgramCodePrimary=blank,
        AttendanceProgramCodeAdditional1=blank,
        AttendanceProgramCodeAdditional2=blank,
        LockerNumber=blank,
        LowSchedulingPeriod=zero,
        HighSchedulingPeriod=pl.lit(9),
        InactiveStatusCode="tag",
        FamilyKey=zero,
        LanguageFluencyCode=pl.lit("E"),
        HomeLanguageCode=pl.lit("00"),
        ParentEdLevelCode=blank,
        ParentEmailAddress=blank,
        StudentEmailAddress="email",
        NetworkLoginID=blank,
        EarlyWarningPoints=pl.lit("0.0000"),
        HomeRoomTeacherNumber=pl.lit("0"),
        NotificationPreferenceCode=blank,
        NextSchoolCode="next_school",
        NextGrade="next_grade",
        NextGradeLevelShortDescription=_grade_name("next_grade", 0),
        NextGradeLevelLongDescription=_grade_name("next_grade", 1),
        RecordsReleaseCode=blank,
    )
    return rows.drop(_NEWER).with_columns(AtRiskPoints=zero) if older_build else rows


def extended(people: pl.DataFrame, *, older_build: bool) -> pl.DataFrame:
    """Return the rows of `/students/…/extended`, from `described`, with `grade` beside them."""
    blank, none, false = pl.lit(""), pl.lit(None, pl.Date), pl.lit(value=False)
    ninth = pl.col("class_of") - (LAST_GRADE - FIRST_HIGH_SCHOOL_GRADE + 1)
    in_high_school = pl.col("grade") >= FIRST_HIGH_SCHOOL_GRADE
    rows = people.select(
        StudentID="student_id",
        SchoolCode="school",
        StudentNumber="sn",
        StateStudentID="state_id",
        BirthCity=blank,
        BirthStateCode=blank,
        BirthCountryCode=blank,
        BirthdateVerificationMethodCode=blank,
        InitialNinthGradeEntryYear=pl.when(in_high_school).then(ninth.cast(pl.String)).otherwise(blank),
        GraduationCohort=pl.when(in_high_school)
        .then(pl.format("{}-{}", pl.col("class_of") - 1, "class_of"))
        .otherwise(blank),
        GraduationRequirementsTrack=pl.when(in_high_school & (pl.col("number") % 2 == 0))
        .then(pl.lit("H"))
        .otherwise(blank),
        ExpectedGraduationDate=pl.when(in_high_school & (pl.col("number") % 3 == 0)).then(
            pl.date("class_of", 6, 4)
        ),
        SchoolCompletionDate="completion_date",
        SchoolCompletionStatusCode="completion_code",
        SchedulingGroup=blank,
        ReportingSchoolCode=pl.lit(0),
        InterIntraDistrictTransferCode=blank,
        InterIntraDistrictStateCode=blank,
        NextInterIntraDistrictTransferCode=blank,
        NextInterIntraDistrictStateCode=blank,
        NextAttendanceProgramCodePrimary=blank,
        NextAttendanceProgramCodeAdditional1=blank,
        NextAttendanceProgramCodeAdditional2=blank,
        SummerWithdrawalReasonCode="summer_code",
        SummerWithdrawalLeaveDate="summer_leave",
        SummerWithdrawalNextSchool=pl.lit(0),
        EndOfYearStatusCode="end_of_year_code",
        EndOfYearNextSchool=pl.lit(0),
        QualifiedUC=false,
        QualifiedCSU=false,
        CourseCompletionUC=false,
        CourseCompletionCSU=false,
        DistrictMobility=blank,
        SchoolMobility=blank,
        RecordAddedDateTime="enter",
        RecordAddedSystem=blank,
        StateSchoolEnterDate=none,
        USEnterDate=none,
        USSchoolEnterDate=none,
        LastSchool=pl.lit(0),
        ResidenceSchool=pl.lit(0),
        NextResidenceSchool=pl.lit(0),
        NextSchool="next_school",
        NextGrade="next_grade",
        grade="grade",
    )
    optional = ("LastSchool", "ResidenceSchool", "NextResidenceSchool", "NextSchool", "NextGrade")
    return rows.drop(optional) if older_build else rows


def enrollments(district: District, *, year_as: Literal["span", "number"]) -> pl.DataFrame:
    """Return the rows of `/enrollment`, with `year` (the one in which the school year begins) beside them.

    year_as  how AcademicYear is written, which is unconfirmed: "2026-2027", or 2026
    """
    blank = pl.lit("")
    span = pl.format("{}-{}", "year", pl.col("year") + 1)
    return (
        district.enrollments.join(
            district.people.select("number", "student_id"), on="number", maintain_order="left"
        )
        .sort("school", "student_id", "year", "enter")
        .select(
            StudentID="student_id",
            SchoolCode="school",
            StudentNumber="sn",
            AcademicYear=span if year_as == "span" else pl.col("year"),
            EnterDate="enter",
            LeaveDate="leave",
            ExitReasonCode="exit_code",
            Grade="grade",
            Track=blank,
            AttendanceProgramCode=blank,
            AttendanceProgramCodeAdditional1=blank,
            AttendanceProgramCodeAdditional2=blank,
            InterIntraDistrictTransferCode=blank,
            InterIntraDistrictStateCode=blank,
            ElementaryTeacherName=blank,
            ElementaryTeacherNumber=pl.lit(0),
            year="year",
        )
    )


def _grade_name(column: str, part: int) -> pl.Expr:
    names = {grade: both[part] for grade, both in _GRADE_NAMES.items()}
    return pl.col(column).replace_strict(names, default=pl.col(column).cast(pl.String))
