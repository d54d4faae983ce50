"""The kinds of text in a district file: names, codes, addresses, times.

Every scalar of the file reaches these types as the text that stands there: `0132` is a school's code and
neither 132 nor 90, `no` is a code and not false.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import date, time
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import Annotated
from unicodedata import category
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticKnownError

from sis_assets.districts.section import wrong
from sis_assets.model.schema import CEDS_GRADES

#: Editors read `0132` as a number. The file's text is what counts, so their schema must allow it.
_SCALAR = WithJsonSchema({"type": ["string", "number", "boolean"]})


def _text(value: str) -> str:
    value = value.strip()
    if not value:
        raise wrong("is empty")
    if any(category(character) in {"Cc", "Zl", "Zp"} for character in value):
        raise wrong("must be one line without control characters")
    return value


def _matching(pattern: str, rule: str) -> AfterValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise wrong(rule)
        return value

    return AfterValidator(check)


def _zone(value: str) -> str:
    try:
        return ZoneInfo(value).key
    except (KeyError, ValueError, OSError):
        zones = {zone.lower(): zone for zone in available_timezones()}
    close = get_close_matches(value.lower(), zones, n=1)
    hint = f"; the nearest known one is {zones[close[0]]}" if close else ""
    raise wrong(f"must be a time zone of the IANA database, such as America/Los_Angeles{hint}")


def _grade(value: str) -> str:
    if value not in CEDS_GRADES:
        raise wrong(f"must be a CEDS grade code: {', '.join(CEDS_GRADES)}")
    return value


def _file_name(value: str) -> str:
    if value != PurePosixPath(value).name or "\\" in value or value == "..":
        raise wrong("must be a plain file name, without folders")
    return value


def _path(value: object, info: ValidationInfo) -> Path:
    if isinstance(value, str):
        return Path((info.context or {}).get("folder", ""), _text(value))
    if isinstance(value, Path):
        return value
    raise PydanticKnownError("string_type")


def _iso_date(value: object) -> object:
    if isinstance(value, str):
        try:
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
                return date.fromisoformat(value)
        except ValueError:
            pass  # 2027-02-30: told below, in our own words
        raise wrong("must be a date of the calendar written YYYY-MM-DD")
    return value


def _clock_time(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
            raise wrong('must be a time of day written "HH:MM", from "00:00" to "23:59"')
        return time.fromisoformat(value)
    return value


def is_loopback(host: str) -> bool:
    """Tell whether `host` is this machine by its spelling alone; no name is looked up."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_url(value: str) -> SplitResult | None:
    """Return the parts of a URL; None for text without a scheme and a host, or with white space."""
    if not value.isprintable() or re.search(r"[\s\\]", value):
        return None
    try:
        parts = urlsplit(value)
        whole = bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:
        return None
    return parts if whole else None


def _web_address(value: str) -> str:
    parts = split_url(value)
    if parts is None or parts.scheme not in {"http", "https"}:
        raise wrong("must be a URL such as https://host/path")
    if parts.username is not None or parts.password is not None:
        raise wrong("must not hold a user name or a password; credentials have keys of their own")
    if "?" in value or "#" in value:
        raise wrong("must end with its path: no '?' and no '#'")
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise wrong("must begin with https://; http:// is allowed for this machine's loopback address only")
    return f"{parts.scheme}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _bare(value: str) -> str:
    if urlsplit(value).path:
        raise wrong("must be the server's address without a path")
    return value


def _before(marks: tuple[str, ...], rule: str) -> AfterValidator:
    def check(value: str) -> str:
        path = f"{urlsplit(value).path.lower()}/"
        if any(f"{mark}/" in path for mark in marks):
            raise wrong(rule)
        return value

    return AfterValidator(check)


def _aeries_site(value: str) -> str:
    """Return the address up to the site path: of a page, of the API, or of one of its calls."""
    parts = split_url(value)
    if parts is None:
        return value
    if "cert" in {name.lower() for name, _ in parse_qsl(parts.query, keep_blank_values=True)}:
        raise wrong("must not hold the certificate, which has a key of its own and must be renewed now")
    site: list[str] = []
    for segment in parts.path.strip("/").split("/"):
        if segment.lower() == "api":
            break
        if segment.lower().endswith(".aspx"):
            site = site[:1]  # Aeries keeps its pages in folders below the site path, which is one name
            break
        site.append(segment)
    return urlunsplit((parts.scheme, parts.netloc, "/".join(["", *site]), "", ""))


def _version_one(value: str) -> str:
    if not urlsplit(value).path.endswith("/v1"):
        raise wrong("must end in /v1")
    return value


Text = Annotated[str, AfterValidator(_text), _SCALAR]
#: Text that may be empty or keep its outer spaces.
Literally = Annotated[str, _SCALAR]
#: A school's, grade's or status' code, exactly as the SIS spells it.
Code = Text
DistrictKey = Annotated[
    str,
    _matching(r"[a-z0-9-]{1,63}", "must be 1 to 63 of the characters a-z, 0-9 and -"),
    WithJsonSchema({"type": "string", "pattern": "^[a-z0-9-]{1,63}$"}),
]
StateCode = Annotated[
    str,
    _matching(r"[A-Z]{2}", "must be the state's two capital letters, such as CA"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{2}$"}),
]
EnvName = Annotated[
    str,
    _matching(
        r"[A-Za-z_][A-Za-z0-9_]*", "must be the name of an environment variable: letters, digits and _"
    ),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}),
]
ZoneName = Annotated[str, AfterValidator(_zone)]
GradeCode = Annotated[str, AfterValidator(_grade), WithJsonSchema({"enum": [*CEDS_GRADES, *range(1, 14)]})]
FileName = Annotated[Text, AfterValidator(_file_name)]
#: A path; a relative one begins at the folder that holds the district file.
LocalPath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({"type": "string", "minLength": 1})]
IsoDate = Annotated[date, BeforeValidator(_iso_date), WithJsonSchema({"type": "string", "format": "date"})]
ClockTime = Annotated[
    time,
    BeforeValidator(_clock_time),
    PlainSerializer(lambda value: value.strftime("%H:%M"), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$"}),
]
HeaderName = Annotated[
    Text, _matching(r"[A-Za-z][A-Za-z0-9-]{0,60}", "must be a header's name: letters, digits and -")
]
UrlPath = Annotated[
    Text,
    _matching(r"(/[A-Za-z0-9._~-]+)+", "must be a path that begins with / and does not end with it"),
]
Url = Annotated[
    Text, AfterValidator(_web_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
ServerUrl = Annotated[Url, AfterValidator(_bare)]
#: The address of an Aeries site; what follows the site path in an address that a person pasted is left out.
AeriesUrl = Annotated[
    Text,
    AfterValidator(_aeries_site),
    AfterValidator(_web_address),
    WithJsonSchema({"type": "string", "pattern": "^https?://"}),
]
CodeTable = Annotated[
    str,
    _matching(r"[A-Z0-9]{1,8}/[A-Z0-9]{1,8}", "must be a table and its column in Aeries, such as STU/TG"),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z0-9]{1,8}/[A-Z0-9]{1,8}$"}),
]
OneRosterUrl = Annotated[
    Url,
    _before(
        ("/ims/oneroster", "/v1p1", "/v1p2"),
        "must end before /ims/oneroster and /v1p1: the version is a key of its own",
    ),
]
SchoologyUrl = Annotated[Url, AfterValidator(_version_one)]
