"""What is read of Aeries: each entity, where it stands there, which area opens it, and its fields. The one list of all.

The client's addresses, the raw tables, the doctor's looks and what a refusal names are all made of it.
Contract: Aeries §2.2 (permission areas), §2.3 (lists and their fields), §2.5 (pitfalls).
"""

from __future__ import annotations

from sis_assets.sis.aeries import students
from sis_assets.sis.aeries.layout import Entity, Listing
from sis_assets.sis.documents.layout import Field

CLASS_SCHEDULES = "Class Schedules/History"
MASTER_SCHEDULE = "Master Schedule"
COURSE_DATA = "Course Data"
TRANSCRIPT_DATA = "Transcripts"
REQUIREMENTS = "Graduation Requirements"
STATUS = "Graduation Status"
STAFF_DATA = "Staff Data"

STUDENTS, STUDENTS_EXTENDED, ENROLLMENT = students.STUDENTS, students.STUDENTS_EXTENDED, students.ENROLLMENT
SCHOOLS = Entity(
    "schools",
    "Everything that Aeries lists as a school: 0 is the district itself, others may be pseudo-schools.",
    Listing("/schools"),
    "",
    (
        students.SCHOOL,
        Field("Name", "The school's name.", required=True),
        Field("ShortName", "The school's short name."),
        Field("InactiveStatusCode", "Not blank: the school is inactive."),
        Field("LowGradeLevel", "Lowest grade; 0 is kindergarten, negative is before it."),
        Field("HighGradeLevel", "Highest grade."),
        Field("StateCountyID", "The state's code of the county."),
        Field("StateDistrictID", "The state's code of the LEA to which the school belongs."),
        Field("StateSchoolID", "The state's code of the school."),
        Field("NCESSchoolID", "The federal code of the school."),
        Field("CollegeBoardSchoolCode", "The College Board's code of the school."),
        Field("RegionCode", "The region in the district."),
        Field("DoNotReport", "true: the school is not reported to the state."),
        Field("Tracks", "Number of calendar tracks, 0 for none."),
        Field("ScheduleType", "Elementary, ElementaryAndMasterSchedule, MasterSchedule or Flexible."),
        Field("SessionType", "Regular, Summer or Intersession."),
        Field("ScheduleBasis", "Semester or Trimester."),
    ),
    numbers=("SchoolCode",),
    unique=True,
    dropped=(
        "Address*",
        "Principal*",
        "PhoneNumber",
        "Attendance*",
        "Terms",
    ),
)
TERMS = Entity(
    "terms",
    "The terms of each school, as they stand in the list of schools.",
    Listing("/schools", inner=("Terms",), of_another=True),
    "",
    (
        students.SCHOOL,
        Field("TermCode", "The term's code: F, S, Y, 1 to 4 and others.", required=True),
        Field("TermDescription", "The term's name."),
        Field("StartDate", "First day.", required=True),
        Field("EndDate", "Last day.", required=True),
        Field("FirstHalfEndDate", "Last day of its first half."),
        Field("SecondHalfStartDate", "First day of its second half."),
        Field("TrackTerms", "JSON: its dates by calendar track, an empty list where there are no tracks."),
    ),
    numbers=("SchoolCode",),
    unique=True,
)
COURSES = Entity(
    "courses",
    "The district's course catalogue.",
    Listing("/courses"),
    COURSE_DATA,
    (
        Field("ID", "The course's id: text of up to 6 characters.", required=True),
        Field("Title", "The course's title.", required=True),
        Field("DepartmentCode", "Department."),
        Field("StateCourseCode", "The state's code of the course."),
        Field("SubjectArea1Code", "Subject area for graduation."),
        Field("SubjectArea2Code", "A second subject area."),
        Field("SubjectArea3Code", "A third subject area."),
        Field("CreditDefault", "Credits."),
        Field("CreditMax", "Credits at most."),
        Field("TermTypeCode", "How long it goes: Y a year, and others."),
        Field("LowGrade", "Lowest grade; 0 is kindergarten or no limit."),
        Field("HighGrade", "Highest grade; 0 is kindergarten or no limit."),
        Field("CollegePrepIndicatorCode", "Whether it prepares for college."),
        Field("NonAcademicOrHonorsCode", "Whether it is non-academic or honours."),
        Field("CourseLevelCode", "Level."),
        Field("CourseTypeCode", "Type."),
        Field("PrerequisiteCourse", "The course that comes before."),
        Field("AlternateCourse", "The course that may replace it."),
        Field("NextCourse", "The course that follows."),
        Field("InactiveStatusCode", "Blank: offered this year."),
        Field("NextYearInactiveStatusCode", "Blank: may be requested for next year."),
        Field("InactiveDate", "The day on which it became inactive."),
    ),
    texts=("ID",),
    unique=True,
    dropped=(
        "LongDescription",
        "ContentDescription",
        "Notes",
        "DefaultMaxStudents",
        "TermSequence",
        "YearSequence",
    ),
)
SECTIONS = Entity(
    "sections",
    "The sections of each school: its master schedule.",
    Listing("/schools/{school}/sections", of_section="/schools/{school}/sections/{section}"),
    MASTER_SCHEDULE,
    (
        students.SCHOOL,
        Field("SectionNumber", "The section's number, unique only within the school.", required=True),
        Field("CourseID", "The course's id.", required=True),
        Field("Semester", "The code of its term.", also=("TermCode",)),
        Field("Period", "When it meets."),
        Field("Track", "Calendar track."),
        Field("Room", "Room."),
        Field("Credit", "Credits, 0 for the course's."),
        Field("LowGrade", "Lowest grade."),
        Field("HighGrade", "Highest grade."),
        Field("TotalStudents", "Seats taken."),
        Field("InactiveStatusCode", "Not blank: the section is inactive."),
        Field(
            "SectionStaffMembers",
            "JSON: its staff, each with StaffID, LastName, FirstName, IsPrimaryTeacher, StartDate, EndDate, InactiveStatusCode.",
            pii=True,
        ),
    ),
    numbers=("SchoolCode", "SectionNumber"),
    unique=True,
    may_be_empty=True,
)
CLASSES = Entity(
    "classes",
    "Which student is in which section, and when that began and ended.",
    Listing(
        "/schools/{school}/classes",
        of_student="/schools/{school}/classes/{student}",
        of_section="/schools/{school}/sections/{section}/students",
    ),
    CLASS_SCHEDULES,
    (
        students.STUDENT,
        students.SCHOOL,
        Field("SequenceNumber", "Number among the student's classes."),
        Field("SectionNumber", "The section's number in the school.", required=True),
        Field("CourseID", "The course's id.", required=True),
        Field("DateStarted", "First day."),
        Field("DateEnded", "Last day."),
    ),
    numbers=("SchoolCode", "SectionNumber", "StudentID"),
    texts=("DateStarted",),
    may_be_empty=True,
)
TRANSCRIPTS = Entity(
    "transcripts",
    "The transcripts: one record a completed course.",
    Listing(
        "/schools/{school}/Transcript",
        of_student="/schools/{school}/Transcript/{student}",
        inner=("CourseGrades",),
    ),
    TRANSCRIPT_DATA,
    (
        students.STUDENT,
        students.SCHOOL,
        Field("CourseID", "The course's id; empty for many courses of other schools.", required=True),
        Field("TranscriptCourseTitle", "The course's title.", required=True),
        Field("Mark", "The mark.", required=True, pii=True),
        Field("CreditAttempted", "Credits attempted."),
        Field("CreditCompleted", "Credits earned."),
        Field("StudentGrade", "Grade in which it was taken."),
        Field("Term", "The term in which it was taken."),
        Field("TermDescription", "That term's name."),
        Field("SchoolYear", "The school year in which it was taken, as 2022-2023."),
        Field("SchoolTakenID", "The school at which it was taken."),
        Field("SchoolTakenName", "That school's name."),
        Field("RepeatTagCode", "Not blank: how a repetition counts."),
        Field("SequenceNumber", "Number among the student's courses."),
        Field("SectionNumber", "The section."),
        Field("DateOfCompletion", "The day of completion."),
        Field("RecordSourceCode", "Where the record came from."),
        Field("DualEnrollmentCreditSchoolCode", "The school that gives dual credit."),
        Field("CollegeCreditHours", "College credits."),
        Field("PassFailCreditCode", "Whether it is graded by pass or fail."),
    ),
    numbers=("SchoolCode", "StudentID"),
    large=True,
    dropped=("SchoolTakenStateID", "CitizenshipMark", "StaffID", "Hours"),
    may_be_empty=True,
)
GRADUATION_REQUIREMENTS = Entity(
    "graduation_requirements",
    "The credits that each school requires in each subject area, by track and grade.",
    Listing("/schools/{school}/GraduationRequirements", inner=("SubjectAreas",)),
    REQUIREMENTS,
    (
        students.SCHOOL,
        Field("GraduationRequirementTrack", "The track; blank for the common one."),
        Field("SubjectAreaCode", "The subject area's code.", required=True),
        Field("SubjectAreaDescription", "The subject area's name."),
        Field("RequiredCreditFor12thGraders", "Credits that a student of grade 12 must have.", required=True),
        Field("RequiredCreditFor11thGraders", "Credits that a student of grade 11 must have."),
        Field("RequiredCreditFor10thGraders", "Credits that a student of grade 10 must have."),
        Field("RequiredCreditFor9thGraders", "Credits that a student of grade 9 must have."),
    ),
    numbers=("SchoolCode",),
    texts=("GraduationRequirementTrack",),
    may_be_empty=True,
)
GRADUATION_STATUS = Entity(
    "graduation_status",
    "What each student has and needs for graduation, by subject area.",
    Listing(
        "/schools/{school}/GraduationStatusSummary",
        by_windows=True,
        of_student="/schools/{school}/GraduationStatusSummary/{student}",
        inner=("SubjectAreas",),
    ),
    STATUS,
    (
        students.STUDENT,
        students.SCHOOL,
        Field("GraduationRequirementTrack", "The track; blank for the common one."),
        Field("SubjectAreaCode", "The subject area's code.", required=True),
        Field("SubjectAreaDescription", "The subject area's name."),
        Field("CreditsRequired", "Credits required."),
        Field("CreditsCompleted", "Credits earned.", pii=True),
        Field("CreditsCurrentlyEnrolled", "Credits under way.", pii=True),
        Field("CreditsNeeded", "Credits missing.", pii=True),
    ),
    numbers=("SchoolCode", "StudentID"),
    unique=True,
    may_be_empty=True,
)
CODES = Entity(
    "codes",
    "What the district's codes mean: STU/TG for students' status, and other tables by the district file.",
    Listing("/codes/{table}"),
    "",
    (
        Field("Table", "The table in Aeries.", required=True),
        Field("Field", "The column in it.", required=True),
        Field("Code", "The code.", required=True),
        Field("Description", "What it means."),
        Field("Status", "Not blank: the code is no longer used."),
        Field("SortOrder", "Its place in Aeries' lists."),
        Field("Category", "Its category."),
        Field("AeriesCode", "Aeries' own code for it."),
        Field("NumericValue", "Its number."),
    ),
    texts=("Table", "Field", "Code"),
    may_be_empty=True,
)
STAFF = Entity(
    "staff",
    "The district's staff; read only where the district file says so.",
    Listing("/staff"),
    STAFF_DATA,
    (
        Field("ID", "The person's id, StaffID elsewhere.", required=True, pii=True),
        Field("LastName", "Last name.", required=True, pii=True),
        Field("FirstName", "First name.", pii=True),
        Field("MiddleName", "Middle name.", pii=True),
        Field("EmailAddress", "E-mail address.", pii=True),
        Field("InactiveStatusCode", "Not blank: no longer there."),
        Field("PrimaryAeriesSchool", "The code of the person's main school."),
    ),
    numbers=("ID",),
    unique=True,
    dropped=(
        "Sex",
        "Gender",
        "Birth*",
        "Address*",
        "HomePhone",
        "CellPhone",
        "Emergency*",
        "FullTimePercentage",
        "HireDate",
        "LeaveDate",
        "Previous*",
        "RaceCode*",
        "EthnicityCode",
        "EducationLevelCode",
        "AlternateEmailAddress",
        "NotificationPreferenceCode",
        "SchoolAccessPermissions",
    ),
    may_be_empty=True,
)

#: In the order in which they are read: what others are asked by comes first.
ENTITIES = (
    SCHOOLS,
    TERMS,
    CODES,
    STUDENTS,
    STUDENTS_EXTENDED,
    ENROLLMENT,
    COURSES,
    SECTIONS,
    CLASSES,
    STAFF,
    TRANSCRIPTS,
    GRADUATION_REQUIREMENTS,
    GRADUATION_STATUS,
)
RAW_TABLES = tuple(entity.raw for entity in ENTITIES)

#: The district itself among its schools; it has no students.
DISTRICT_ITSELF = "0"
#: A student's InactiveStatusCode that says: enrolled for next year.
PRE_ENROLLED = "*"
#: The table and column whose codes say what a student's InactiveStatusCode means.
STATUS_CODES = "STU/TG"
