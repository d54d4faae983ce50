"""What is read of students in Aeries: their school records, what is told beyond these, their enrolments; a part of `contract`.

Contract: Aeries §2.3 (lists, column map, what status and lifecycle fields mean).
"""

from __future__ import annotations

from sis_assets.sis.aeries.layout import Entity, Listing
from sis_assets.sis.documents.layout import Field

STUDENT_DATA = "Student Data"
ENROLLMENT_HISTORY = "Enrollment History"

SCHOOL = Field("SchoolCode", "The school's code.", required=True)
STUDENT = Field("StudentID", "The student's id in the district.", required=True, pii=True)
_NUMBER = Field("StudentNumber", "The student's number, unique only within the school.", pii=True)

STUDENTS = Entity(
    "students",
    "The school records of all students, one a student and school; those who left are among them.",
    Listing("/schools/{school}/students", by_windows=True, of_student="/schools/{school}/students/{student}"),
    STUDENT_DATA,
    (
        STUDENT,
        Field("OldStudentID", "The id that the student had before, 0 for none.", pii=True),
        SCHOOL,
        Field(
            "StudentNumber", "The student's number, unique only within the school.", required=True, pii=True
        ),
        Field("StateStudentID", "The state's student id.", pii=True),
        Field("LastName", "Last name.", required=True, pii=True),
        Field("FirstName", "First name.", required=True, pii=True),
        Field("MiddleName", "Middle name.", pii=True),
        Field("LastNameAlias", "Last name in use.", pii=True),
        Field("FirstNameAlias", "First name in use.", pii=True),
        Field("MiddleNameAlias", "Middle name in use.", pii=True),
        Field("Gender", "Gender."),
        Field(
            "Grade", "Grade; -2 and -1 are before kindergarten, 0 is kindergarten, up to 18.", required=True
        ),
        Field("Birthdate", "Date of birth.", pii=True),
        Field("SchoolEnterDate", "First day at the school."),
        Field("SchoolLeaveDate", "Last day at the school."),
        Field("DistrictEnterDate", "First day in the district."),
        Field("Track", "Calendar track."),
        Field("AttendanceProgramCodePrimary", "Attendance program."),
        Field("AttendanceProgramCodeAdditional1", "A second attendance program."),
        Field("AttendanceProgramCodeAdditional2", "A third attendance program."),
        Field(
            "InactiveStatusCode",
            "Blank: active. `*`: enrolled for next year. Others are the district's, see the codes of STU/TG.",
            required=True,
        ),
        Field("StudentEmailAddress", "E-mail address of the school.", pii=True),
        Field("NetworkLoginID", "Login name.", pii=True),
        Field("NextSchoolCode", "Next year's school, 0 where it is not set."),
        Field("NextGrade", "Next year's grade."),
    ),
    numbers=("SchoolCode", "StudentID", "StudentNumber"),
    unique=True,
    dropped=(
        "AddressVerified",
        "AtRiskPoints",
        "CorrespondenceLanguageCode",
        "CounselorNumber",
        "EarlyWarningPoints",
        "EthnicityCode",
        "FamilyKey",
        "GradeLevel*",
        "HighSchedulingPeriod",
        "HomeLanguageCode",
        "HomePhone",
        "HomeRoomTeacherNumber",
        "LanguageFluencyCode",
        "LockerNumber",
        "LowSchedulingPeriod",
        "MailingAddress*",
        "NextGradeLevel*",
        "NotificationPreferenceCode",
        "Parent*",
        "RaceCode*",
        "RecordsReleaseCode",
        "ResidenceAddress*",
        "StudentMobilePhone",
        "StudentPersonalEmailAddress",
        "UserCode*",
    ),
)
STUDENTS_EXTENDED = Entity(
    "students_extended",
    "What Aeries tells of students beyond their school records: completion, planned leaving, no-shows.",
    Listing(
        "/schools/{school}/students/0/extended",
        by_windows=True,
        of_student="/schools/{school}/students/{student}/extended",
    ),
    STUDENT_DATA,
    (
        STUDENT,
        SCHOOL,
        _NUMBER,
        Field("InitialNinthGradeEntryYear", "The year in which grade 9 was entered."),
        Field("GraduationCohort", "The school year in which the cohort graduates, as 2019-2020."),
        Field("GraduationRequirementsTrack", "The track of graduation requirements."),
        Field("ExpectedGraduationDate", "Expected day of graduation; rarely filled."),
        Field("SchoolCompletionStatusCode", "At high schools: how the student completed."),
        Field("SchoolCompletionDate", "The day of completion."),
        Field(
            "EndOfYearStatusCode",
            "Not blank: the student will leave after the last day, and is active until then.",
        ),
        Field("EndOfYearNextSchool", "Where the student will go then."),
        Field(
            "SummerWithdrawalReasonCode",
            "Not blank: the student left during the summer, before the first day.",
        ),
        Field("SummerWithdrawalLeaveDate", "The day of that."),
        Field("SummerWithdrawalNextSchool", "Where the student went."),
        Field("LastSchool", "The school before."),
        Field("NextSchool", "Next year's school; in some versions."),
        Field("NextGrade", "Next year's grade; in some versions."),
        Field("ReportingSchoolCode", "The school that reports the student to the state."),
        Field("ResidenceSchool", "The school of the student's residence."),
        Field("NextResidenceSchool", "Next year's school of the student's residence."),
        Field("SchedulingGroup", "Group for scheduling."),
        Field("InterIntraDistrictTransferCode", "Code of a transfer between or within districts."),
        Field("InterIntraDistrictStateCode", "The state's code of the other district."),
        Field("NextInterIntraDistrictTransferCode", "Next year's code of a transfer."),
        Field("NextInterIntraDistrictStateCode", "Next year's state code of the other district."),
        Field("RecordAddedDateTime", "When the record was made."),
    ),
    numbers=("SchoolCode", "StudentID", "StudentNumber"),
    unique=True,
    dropped=(
        "Birth*",
        "CourseCompletion*",
        "DistrictMobility",
        "EnglishLearner*",
        "HomeLanguageSurvey*",
        "NextAttendanceProgramCode*",
        "Qualified*",
        "RecordAddedSystem",
        "SchoolMobility",
        "StateSchoolEnterDate",
        "StateStudentID",
        "USEnterDate",
        "USSchoolEnterDate",
    ),
)
ENROLLMENT = Entity(
    "enrollment",
    "The enrolments of students in the database's school year and those before it that are read.",
    Listing(
        "/schools/{school}/enrollment/0/year/{year}",
        of_student="/schools/{school}/enrollment/{student}/year/{year}",
    ),
    ENROLLMENT_HISTORY,
    (
        STUDENT,
        SCHOOL,
        _NUMBER,
        Field("AcademicYear", "The school year, as 2025-2026.", required=True),
        Field("EnterDate", "First day.", required=True),
        Field("LeaveDate", "Last day."),
        Field("ExitReasonCode", "Why the student left."),
        Field("Grade", "Grade; 0 is kindergarten."),
        Field("Track", "Calendar track."),
        Field("AttendanceProgramCode", "Attendance program."),
        Field("AttendanceProgramCodeAdditional1", "A second attendance program."),
        Field("AttendanceProgramCodeAdditional2", "A third attendance program."),
        Field("InterIntraDistrictTransferCode", "Code of a transfer between or within districts."),
        Field("InterIntraDistrictStateCode", "The state's code of the other district."),
    ),
    numbers=("SchoolCode", "StudentID"),
    texts=("AcademicYear", "EnterDate", "LeaveDate"),
    dropped=("ElementaryTeacherName", "ElementaryTeacherNumber"),
)
