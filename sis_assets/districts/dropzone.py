"""Where a district's files arrive and how they are written."""

from __future__ import annotations

import base64
import binascii
import codecs
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from sis_assets.districts.secret import Secret
from sis_assets.districts.section import Section, wrong
from sis_assets.districts.text import FileName, LocalPath, Text

DateFormat = Literal["iso", "mdy", "dmy"]
Entity = Literal["schools", "courses", "students", "student_courses"]

_KEY_TYPES = {
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "ssh-rsa",
}
_KEY_RULE = (
    'must be the server\'s public key as ssh-keyscan prints it, without the host: "ssh-ed25519 AAAA…" '
    "(also ecdsa-sha2-nistp256, -nistp384, -nistp521 and ssh-rsa)"
)
#: Text codecs of Python that are no character encodings of files.
_NO_FILE_ENCODINGS = {
    "idna",
    "punycode",
    "raw-unicode-escape",
    "unicode-escape",
    "undefined",
    "utf-7",
    "mbcs",
    "oem",
}


def _host_key(value: str) -> str:
    parts = value.split(maxsplit=2)
    if len(parts) < 2 or parts[0] not in _KEY_TYPES:  # noqa: PLR2004 - a type and a blob, then perhaps a comment
        raise wrong(_KEY_RULE)
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        blob = b""
    fields = _ssh_strings(blob)
    if len(fields) < 2 or fields[0] != parts[0].encode():  # noqa: PLR2004 - the type and the key
        raise wrong("is not a whole public key: its Base64 part is damaged or cut off")
    return f"{parts[0]} {parts[1]}"


def _ssh_strings(blob: bytes) -> list[bytes]:
    """Return the length-prefixed strings of an SSH public key; none when they do not fill it exactly."""
    fields: list[bytes] = []
    while blob:
        size = int.from_bytes(blob[:4])
        if len(blob) < 4 + size:
            return []
        fields.append(blob[4 : 4 + size])
        blob = blob[4 + size :]
    return fields


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _delimiter(value: str) -> str:
    if len(value) != 1 or value.isalnum() or value in '"\r\n\0 ':
        raise wrong(
            'must be one character, such as "|", "," or "\\t"; no letter, digit, space, quote or line end'
        )
    return value


def _encoding(value: str) -> str:
    try:
        "".encode(value)
        name = codecs.lookup(value).name
    except (LookupError, ValueError):
        name = "undefined"
    if name.replace("_", "-") in _NO_FILE_ENCODINGS:
        raise wrong("must be a character encoding that Python knows, such as utf-8, cp1252 or iso8859-1")
    return name


Delimiter = Annotated[
    str, AfterValidator(_delimiter), WithJsonSchema({"type": "string", "maxLength": 1, "minLength": 1})
]
Encoding = Annotated[Text, AfterValidator(_encoding)]
HostKey = Annotated[Text, AfterValidator(_host_key)]
HostKeys = Annotated[
    tuple[HostKey, ...],
    BeforeValidator(_one_or_more),
    Field(min_length=1, max_length=2),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
            ]
        }
    ),
]


class Timeouts(Section):
    """How long an SFTP step may take, in seconds."""

    connect_seconds: int = Field(
        15, ge=1, le=120, description="From the first packet to the logged-in session."
    )
    reply_seconds: int = Field(
        60, ge=1, le=600, description="The longest silence of the server within a transfer."
    )
    total_seconds: int = Field(3600, ge=1, le=86_400, description="One whole read of the drop.")


class Sftp(Section):
    """An SFTP server that holds the district's drop."""

    host: Text = Field(description="The server's name or address.")
    port: int = Field(22, ge=1, le=65_535, description="The server's port.")
    username: Text = Field(description="The account's name.")
    password: Secret | None = Field(
        None, description="The account's password. Exactly one of this and `key_file`."
    )
    key_file: LocalPath | None = Field(
        None,
        description="The private key to log in with. A relative path begins at the district file's folder.",
    )
    key_passphrase: Secret | None = Field(None, description="The passphrase of `key_file`, where it has one.")
    host_key: HostKeys = Field(
        description="The server's public key as `ssh-keyscan` prints it, without the host; "
        "a list of two while the server changes its key. Any other key is refused."
    )
    path: Text = Field("/", description="The folder on the server.")
    legacy_ssh_rsa: bool = Field(
        False,  # noqa: FBT003 - the default of a key
        description="Also accept ssh-rsa signatures (SHA-1), for a server that offers nothing better.",
    )
    timeouts: Timeouts = Field(Timeouts(), description="Bounds in time.")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.password is None) == (self.key_file is None):
            raise wrong("needs exactly one of password and key_file")
        if self.key_passphrase is not None and self.key_file is None:
            raise wrong("goes with key_file only", key="key_passphrase")
        return self


class Delivery(Section):
    """The place where our files for the district go: exactly one of `folder` and `sftp`."""

    folder: LocalPath | None = Field(
        None,
        description="A folder of this machine. A relative path begins at the district file's folder.",
    )
    sftp: Sftp | None = Field(None, description="A folder on an SFTP server.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.folder is None) == (self.sftp is None):
            raise wrong("needs exactly one of folder and sftp")
        return self


class Dropzone(Section):
    """The place where the district's files arrive: exactly one of `folder` and `sftp`."""

    folder: LocalPath | None = Field(
        None,
        description="A folder of this machine (the SFTP server is ours). "
        "A relative path begins at the district file's folder.",
    )
    sftp: Sftp | None = Field(None, description="A folder on an SFTP server.")
    quiet_seconds: int = Field(
        300,
        ge=0,
        le=86_400,
        description="A drop is read when no size and no time in it changed for this long. "
        "A manifest or marker ends the wait; 0 reads at first look.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.folder is None) == (self.sftp is None):
            raise wrong("needs exactly one of folder and sftp")
        return self


class Files(Section):
    """How the district writes its files. Every key has a default."""

    delimiter: Delimiter = Field("|", description='What stands between two fields; a tab is written "\\t".')
    encoding: Encoding | None = Field(
        None, description="The character encoding. Absent: by byte order mark, then utf-8, then cp1252."
    )
    final_newline: bool = Field(
        True,  # noqa: FBT003 - the default of a key
        description="Whether the last record ends with a line end; without one the file counts as cut off.",
    )
    date_format: DateFormat = Field(
        "iso", description="How dates are written: iso YYYY-MM-DD, mdy M/D/YYYY, dmy D-M-YYYY or D/M/YYYY."
    )
    names: Mapping[Entity, FileName] = Field(
        {},
        description="File names that differ from the defaults: schools `School.txt`, "
        "courses `CourseMaster.txt` or `CourseCodes.txt`, students `Student.txt`, "
        "student_courses `StudentCourses.txt` or `StudentCourse.txt` (each also `.csv`).",
    )
    columns: Mapping[Entity, Mapping[Text, Text]] = Field(
        {},
        description="Column names that differ: for each entity, our contract's column and the header "
        "in this district's file, such as `students: {StudentID: UPN ID}`.",
    )

    @model_validator(mode="after")
    def _a_header_stands_for_one_column(self) -> Self:
        for entity, headers in self.columns.items():
            if len(set(headers.values())) < len(headers):
                raise wrong("names the same header for two columns", key=f"columns.{entity}")
        names = [name.lower() for name in self.names.values()]
        if len(set(names)) < len(names):
            raise wrong("gives two entities the same file", key="names")
        return self
