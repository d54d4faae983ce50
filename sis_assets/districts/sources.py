"""The kinds of SIS, each with its own keys below `sis`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, WithJsonSchema, model_validator

from sis_assets.districts.dropzone import DateFormat, Delivery, Dropzone, Encoding, Files
from sis_assets.districts.secret import Identifier, Secret
from sis_assets.districts.section import Section, wrong
from sis_assets.districts.text import (
    AeriesUrl,
    Code,
    CodeTable,
    FileName,
    HeaderName,
    Literally,
    OneRosterUrl,
    ServerUrl,
    Text,
    Url,
    UrlPath,
    ZoneName,
)

RequestField = Literal[
    "school_year",
    "student_id",
    "school_id",
    "course_code",
    "kind",
    "alternate_for",
    "priority",
    "requested_at",
]
ExpectedField = Literal["birthDate", "sex", "email", "identifier", "grades", "userIds"]
#: The two OneRoster versions; editors read the unquoted form as a number.
Version = Annotated[Literal["1.1", "1.2"], WithJsonSchema({"enum": ["1.1", "1.2", 1.1, 1.2]})]


def kind_tag(value: object) -> str | None:
    """Return the tag of the union member that `value` says it is: its `kind` in angle brackets."""
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return f"<{kind}>" if isinstance(kind, str) else None


class Answers(Section):
    """What comes back into the drop once the SIS's import ran; both files have the columns of ours, by their headers."""

    held: FileName = Field(
        "course_requests.held.csv",
        description="The requests that the SIS holds, as its download writes them.",
    )
    log: FileName = Field("course_requests.log.csv", description="The log of the upload, one line a request.")
    result: Text = Field("RESULT", description="The log's column that says what became of the request.")
    accepted: tuple[Text, ...] = Field(
        ("INSERTED", "UPDATED"), description="What stands there, in any case, when the request was taken."
    )


class Requests(Section):
    """How course requests go back to the SIS."""

    mode: Literal["file", "api", "sql"] = Field(
        "file", description="A file for the SIS's import, calls of its API, or a script for its database."
    )
    columns: Mapping[Text, RequestField | None] = Field(
        {},
        description="The file's columns and the request's field that fills each; "
        "without a value the column is left out. Absent: the SIS's contract columns.",
    )
    literals: Mapping[Text, Literally] = Field(
        {}, description="Columns of the file that always hold the same text."
    )
    types: Mapping[Literal["primary", "alternate"], Literally] = Field(
        {}, description="The SIS's codes of the kinds of a request. Absent: eSchoolPLUS `R` and `A`."
    )
    year_id: Literal["year", "term"] = Field(
        "year",
        description="PowerSchool's YearID: ending year - 1991, or a hundred times that, as in term ids.",
    )

    deliver: Delivery | None = Field(
        None, description="Where the files go beside the folder of the export. Absent: nowhere."
    )
    answers: Answers = Field(Answers(), description="What comes back into the drop.")

    @model_validator(mode="after")
    def _a_column_is_filled_once(self) -> Self:
        if any(self.columns.get(column) is not None for column in self.literals):
            raise wrong("fills a column that columns fills too", key="literals")
        return self

    @model_validator(mode="after")
    def _a_script_has_its_own_columns(self) -> Self:
        if self.mode == "sql" and (self.columns or self.literals):
            raise wrong("goes with the mode file only", key="columns" if self.columns else "literals")
        return self


class Ids(Section):
    """Which OneRoster value identifies a record."""

    student: Literal["sourcedId", "identifier"] = Field("sourcedId", description="The student_id.")
    school: Literal["sourcedId", "identifier"] = Field("sourcedId", description="The school_id.")
    state_id: Text | None = Field(
        None, description="The type of the userIds entry that is the state's student id."
    )


class OAuth2(Section):
    """OAuth 2 client credentials."""

    kind: Literal["oauth2"] = Field(description="How the client proves who it is.")
    token_url: Url = Field(description="Where access tokens are fetched.")
    client_id: Identifier = Field(description="The client's id.")
    client_secret: Secret = Field(description="The client's secret.")
    scopes: tuple[Text, ...] = Field((), description="The scopes to ask for. Empty: those of the version.")
    credentials: Literal["basic", "body"] = Field(
        "basic", description="Where the token's server wants id and secret: in a header, or in the form."
    )


class OAuth1(Section):
    """OAuth 1.0a signatures."""

    kind: Literal["oauth1"] = Field(description="How the client proves who it is.")
    consumer_key: Identifier = Field(description="The consumer's key.")
    consumer_secret: Secret = Field(description="The consumer's secret.")
    signature: Literal["HMAC-SHA1", "HMAC-SHA256"] = Field(
        "HMAC-SHA256", description="How requests are signed."
    )


class LoginForm(Section):
    """A form that takes a site login and gives a token: where it is, and what its fields are called."""

    url: Url = Field(description="Where the form is sent.")
    domain: Text = Field("domain", description="The field of the domain.")
    site_code: Text = Field("site_code", description="The field of the site's code.")
    login: Text = Field("login", description="The field of the login's name.")
    password: Text = Field("password", description="The field of the password.")


class SiteLogin(Section):
    """The older set of credentials: domain, site code, login and password."""

    kind: Literal["site_login"] = Field(description="How the client proves who it is.")
    domain: Text = Field(description="The site's domain.")
    site_code: Text = Field(description="The site's code.")
    login: Identifier = Field(description="The login's name.")
    password: Secret = Field(description="The login's password.")
    form: LoginForm | None = Field(
        None,
        description="A form that gives a token for them. Absent: they go with every request, in headers.",
    )
    domain_header: HeaderName = Field("X-Domain", description="The header that tells the domain.")
    site_code_header: HeaderName = Field("X-Site-Code", description="The header that tells the site's code.")


Auth = Annotated[
    Annotated[OAuth2, Tag("<oauth2>")]
    | Annotated[OAuth1, Tag("<oauth1>")]
    | Annotated[SiteLogin, Tag("<site_login>")],
    Discriminator(kind_tag),
]


class _Source(Section):
    """What every kind of SIS has."""

    sis_name: ClassVar[str]
    #: Whether we read the SIS itself, so that hours and access are kept, or take what it drops.
    by_api: ClassVar[bool] = True

    @property
    def date_format(self) -> DateFormat:
        """How dates are written: as ISO says, unless the source has a setting for it."""
        return "iso"

    @property
    def identified_by(self) -> Ids:
        """Which values identify records, where the SIS has several that may."""
        return Ids()

    @property
    def drop(self) -> Dropzone | None:
        """Where its files arrive, if it sends files."""
        return None


class _TakesRequests(_Source):
    """A SIS that takes course requests back, by the modes that it knows."""

    request_modes: ClassVar[tuple[str, ...]] = ("file",)

    requests: Requests = Field(Requests(), description="How course requests go back.")

    @model_validator(mode="after")
    def _a_mode_that_the_sis_knows(self) -> Self:
        if self.requests.mode not in self.request_modes:
            raise wrong(
                f"must be one of {', '.join(self.request_modes)} for this kind of SIS", key="requests.mode"
            )
        return self


class PowerSchool(_TakesRequests):
    """PowerSchool by its API plugin."""

    sis_name = "powerschool"
    request_modes = ("file", "api")

    kind: Literal["powerschool"] = Field(description="The kind of SIS.")
    url: ServerUrl = Field(description="The server's address, without a path.")
    client_id: Identifier = Field(description="The plugin's client id.")
    client_secret: Secret = Field(description="The plugin's client secret.")
    concurrency: int = Field(
        4, ge=1, le=32, description="How many requests may be under way at once to this server, at most."
    )
    table_dates: Literal["iso", "mdy", "dmy"] = Field(
        "iso",
        description="How PowerSchool's tables write dates, as `files.date_format`; those of /ws/v1 are always ISO.",
    )
    store_codes: tuple[Code, ...] = Field(
        (), description="The store codes of the transcripts, such as Y1 and S2. Absent: every stored grade."
    )

    @property
    def date_format(self) -> Literal["iso", "mdy", "dmy"]:
        """How the tables write dates."""
        return self.table_dates


class Feed(Section):
    """How the change feed is used between the reads of everything."""

    full_read_hours: int = Field(
        20,
        ge=0,
        le=744,
        description="So many hours after the last read of everything, everything is read again; only that decides who is gone. "
        "0: every time.",
    )
    overlap_minutes: int = Field(
        15, ge=1, le=1440, description="How long before the last read's begin changes are asked for again."
    )
    longest_gap_days: int = Field(
        10,
        ge=1,
        le=60,
        description="After a longer time than this the feed is not trusted: everything is read.",
    )
    timezone: ZoneName | None = Field(
        None, description="The time zone of the server's clock. Absent: the district's."
    )


class Aeries(_TakesRequests):
    """Aeries by its API certificate."""

    sis_name = "aeries"
    request_modes = ("file", "api", "sql")

    kind: Literal["aeries"] = Field(description="The kind of SIS.")
    url: AeriesUrl = Field(description="The address with the site path, without /api/v5.")
    certificate: Secret = Field(description="The API certificate.")
    database_year: int = Field(
        ge=1990, le=2100, description="The database's year: the year in which it starts."
    )
    leas: tuple[Code, ...] = Field(
        (),
        description="The codes of the LEAs whose students are read, where one certificate shows several. Absent: all.",
    )
    lea_column: Literal["StateDistrictID", "StateCountyID", "RegionCode"] = Field(
        "StateDistrictID", description="The column of Aeries' schools that holds the code of a school's LEA."
    )
    concurrency: int = Field(
        4, ge=1, le=32, description="How many requests may be under way at once to this server, at most."
    )
    window_records: int = Field(
        1000,
        ge=2,
        le=10000,
        description="How many students one request asks for. A server that gives fewer at a time is noticed.",
    )
    enrollment_years: int = Field(
        2,
        ge=1,
        le=20,
        description="How many school years of enrolments are read, the database's and those before it.",
    )
    class_lists: Literal["auto", "school", "section"] = Field(
        "auto",
        description="How class schedules are read: a whole school at once, which not every server offers, or section by section.",
    )
    code_tables: tuple[CodeTable, ...] = Field(
        ("ENR/ER",), description="The tables of codes that are read beside STU/TG, as TABLE/COLUMN."
    )
    staff: bool = Field(
        False,  # noqa: FBT003 - a setting's default
        description="Whether the staff's e-mail addresses are read; the certificate then needs Staff Data.",
    )
    feed: Feed = Field(Feed(), description="How the change feed is used between the reads of everything.")


class EschoolplusFiles(_TakesRequests):
    """eSchoolPLUS by files in the Career Cruising / Xello layouts."""

    sis_name = "eschoolplus"
    by_api = False

    kind: Literal["eschoolplus_files"] = Field(description="The kind of SIS.")
    dropzone: Dropzone = Field(description="Where the files arrive.")
    files: Files = Field(Files(), description="How the files are written.")

    @property
    def date_format(self) -> DateFormat:
        """How the files write dates."""
        return self.files.date_format

    @property
    def drop(self) -> Dropzone:
        """Where its files arrive."""
        return self.dropzone


class _OneRoster(_Source):
    """What every kind that speaks OneRoster has, by files or by API."""

    ids: Ids = Field(Ids(), description="Which value identifies a record.")
    dates: DateFormat = Field(
        "iso",
        description="How dates are written where they are not ISO, as `files.date_format`. An ISO date is always read.",
    )
    tombstone_days: int = Field(
        7,
        ge=1,
        le=366,
        description="So many days the source tells of a deleted record. After a longer gap changes alone say too little, "
        "and everything must be read.",
    )

    @property
    def date_format(self) -> DateFormat:
        """How dates that are not ISO are written."""
        return self.dates

    @property
    def identified_by(self) -> Ids:
        """Which values identify records."""
        return self.ids


class Deltas(Section):
    """Reading by a OneRoster API only what changed since the last read."""

    full_every_days: int = Field(
        7, ge=1, le=366, description="After so many days everything is read, whatever the deltas said."
    )
    overlap_minutes: int = Field(
        60,
        ge=0,
        le=10_080,
        description="How far a delta reaches back behind the newest change that was seen.",
    )


class _OneRosterRest(_OneRoster):
    """What the kinds that are read by OneRoster's REST binding have in common."""

    url: OneRosterUrl = Field(description="The address up to, and without, /ims/oneroster or /v1p1.")
    version: Version = Field(description="The OneRoster version.")
    base_path: UrlPath | None = Field(
        None,
        description="What stands between `url` and a collection's name. "
        "Absent: /ims/oneroster/v1p1 or /ims/oneroster/rostering/v1p2, by the version.",
    )
    auth: Auth = Field(description="How the client proves who it is.")
    concurrency: int = Field(
        4, ge=1, le=32, description="How many requests may be under way at once to this server, at most."
    )
    limit: int = Field(
        5000,
        ge=1,
        le=1_000_000,
        description="How many records to ask for at once; the server may give fewer.",
    )
    sort: Literal["sourcedId", "none"] = Field(
        "sourcedId",
        description="Which order to ask for, so that pages fit together; none for a server without sorting.",
    )
    without: tuple[Literal["academicSessions", "courses", "classes", "enrollments", "demographics"], ...] = (
        Field((), description="Collections that this provider does not give; they are not asked for.")
    )
    deltas: Deltas | None = Field(
        None, description="Read only what changed since the last read. Absent: everything, every time."
    )


class Population(Section):
    """Students whom an eSchoolPLUS API profile may include, and how their records are told from others."""

    include: bool = Field(
        True,  # noqa: FBT003 - the default of a key
        description="Whether they are taken, as far as the API profile includes them.",
    )
    field: Text | None = Field(
        None, description="Where a user's record says that it is one of them, such as metadata.preRegistered."
    )
    values: tuple[Literally, ...] = Field(
        (), description="What stands there in the records of such students."
    )

    @model_validator(mode="after")
    def _who_is_left_out_is_known(self) -> Self:
        if not self.include and not (self.field and self.values):
            raise wrong(
                "needs field and values: without them nobody knows who is to be left out", key="include"
            )
        return self


class EschoolplusApi(_OneRosterRest, _TakesRequests):
    """eSchoolPLUS by its OneRoster API."""

    sis_name = "eschoolplus"

    kind: Literal["eschoolplus_api"] = Field(description="The kind of SIS.")
    expects: tuple[ExpectedField, ...] = Field(
        ("birthDate",),
        description="Fields that some record must have: the API profile withholds what is not ticked.",
    )
    pre_registered: Population = Field(
        Population(), description="Students who are registered for a later year or day."
    )
    out_of_district: Population = Field(
        Population(), description="Students who live here and go to school elsewhere, or the other way round."
    )


class OneRosterFiles(_OneRoster):
    """Any SIS by OneRoster CSV files, loose or in one zip."""

    sis_name = "oneroster"
    by_api = False

    kind: Literal["oneroster_files"] = Field(description="The kind of SIS.")
    dropzone: Dropzone = Field(description="Where the files arrive.")
    profile: Literal["strict", "lenient"] = Field(
        "lenient",
        description="What becomes of files that depart from the standard: strict refuses them and writes a report, "
        "lenient loads what is sound and rejects the other records.",
    )
    encoding: Encoding | None = Field(
        None, description="The character encoding. Absent: by byte order mark, then utf-8, then cp1252."
    )
    final_newline: bool = Field(
        True,  # noqa: FBT003 - the default of a key
        description="Whether the last record ends with a line end; without one the file counts as cut off.",
    )

    @property
    def drop(self) -> Dropzone:
        """Where its files arrive."""
        return self.dropzone


class OneRosterApi(_OneRosterRest):
    """Any SIS by a OneRoster API."""

    sis_name = "oneroster"

    kind: Literal["oneroster_api"] = Field(description="The kind of SIS.")


Source = Annotated[
    Annotated[PowerSchool, Tag("<powerschool>")]
    | Annotated[Aeries, Tag("<aeries>")]
    | Annotated[EschoolplusFiles, Tag("<eschoolplus_files>")]
    | Annotated[EschoolplusApi, Tag("<eschoolplus_api>")]
    | Annotated[OneRosterFiles, Tag("<oneroster_files>")]
    | Annotated[OneRosterApi, Tag("<oneroster_api>")],
    Discriminator(kind_tag),
]
