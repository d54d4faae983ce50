"""What differs between OneRoster providers, or is not confirmed: every such thing is a switch.

Contract: OneRoster §4.3 (REST); eSchoolPLUS §1.4 (PLUS 360) and §1.6 (Triand, Arkansas).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar, Literal

from pydantic import ConfigDict

Version = Literal["1.1", "1.2"]
Scheme = Literal["oauth2", "oauth1", "site_login"]


@dataclass(frozen=True, slots=True)
class Settings:
    """How this provider behaves. The defaults follow the standard.

    Which versions, where, and who may come in:

    versions          the versions that are served
    prefix            the path before `/ims/oneroster`
    schemes           how a client may prove itself
    oauth1_versions   the versions that a signed request (OAuth 1.0a) reaches
    client_id, client_secret          OAuth 2 credentials
    client_auth       where they are read: the header, the body, or either
    scopes            what a token may be granted; None: all of the versions that are served
    token_seconds     how long a token is good
    expires_in_as_text  `expires_in` is "3600" rather than 3600
    scope_version     what a token of the other version's scopes meets: 400 as Triand has it, or 403
    consumer_key, consumer_secret     OAuth 1.0a credentials
    signature_methods the signatures that are accepted
    clock_skew_seconds  how far a signed request's timestamp may be off
    domain, site_code, login, password  the credential set of an older site login
    site_login_path, site_login_fields  where that set is sent as a form, which gives a token, and what its fields are
                      called; unconfirmed
    active            whether the API profile is switched on
    access_ends       the last day (inclusive) on which anything is answered
    refused_status    what every call meets afterwards
    subscriptions     collections that may be read, their sub-collections with them; None: all

    Paging:

    default_limit     records of a page without `limit`
    maximum_limit     the greatest page; None: none
    above_maximum     a greater `limit` is capped, or refused with 400
    zero_limit        `limit=0` gives a count only, is refused with 400, or means the default
    total_count, links  whether `X-Total-Count` and `Link` are sent

    Questions that are not understood:

    unknown_parameters  ignored, or refused with 400
    bad_sort, bad_fields  met with a warning beside the answer, or refused with 400
    other_methods     the status that anything but GET meets in rostering
    delete_status     what a deletion in the gradebook is answered with: 200 or 204
    envelope          the shape of errors

    The records:

    nulls             an empty member is null, or absent
    flags             how JSON has booleans
    withheld          members that the profile does not tell until they are ticked: `demographics.birthDate`
    pre_registered, out_of_district   whether these students are told
    skips_odd_students  students without a state id, or whose name holds anything but plain letters, are not told at all
    leavers           a leaver's record is `tobedeleted`, stays with enabledUser false, or is gone at once
    tombstone_days    so many days after its change a `tobedeleted` record is gone; None: never
    grades            grade codes that this provider has in place of the usual ones: {"KG": "KF"}
    """

    versions: tuple[Version, ...] = ("1.1", "1.2")
    prefix: str = ""
    schemes: tuple[Scheme, ...] = ("oauth2", "oauth1")
    oauth1_versions: tuple[Version, ...] = ("1.1",)
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"  # noqa: S105 - opens nothing but this server
    client_auth: Literal["basic", "body", "either"] = "either"
    scopes: tuple[str, ...] | None = None
    token_seconds: int = 3600
    expires_in_as_text: bool = False
    scope_version: int = 400
    consumer_key: str = "OneRoster_ABC_123"
    consumer_secret: str = "sandbox-consumer-secret"  # noqa: S105 - opens nothing but this server
    signature_methods: tuple[str, ...] = ("HMAC-SHA1", "HMAC-SHA256")
    clock_skew_seconds: int = 300
    domain: str = "sandbox.example.org"
    site_code: str = "SANDBOX"
    login: str = "sandbox-login"
    password: str = "sandbox-password"  # noqa: S105 - opens nothing but this server
    site_login_path: str = "/login"
    site_login_fields: tuple[str, str, str, str] = ("domain", "site_code", "login", "password")
    active: bool = True
    access_ends: date | None = None
    refused_status: int = 401
    subscriptions: tuple[str, ...] | None = None

    default_limit: int = 100
    maximum_limit: int | None = None
    above_maximum: Literal["cap", "reject"] = "cap"
    zero_limit: Literal["count", "reject", "default"] = "count"
    total_count: bool = True
    links: bool = True

    unknown_parameters: Literal["ignore", "reject"] = "ignore"
    bad_sort: Literal["warn", "reject"] = "reject"
    bad_fields: Literal["warn", "reject"] = "reject"
    other_methods: int = 405
    delete_status: Literal[200, 204] = 204
    envelope: Literal["standard", "flat", "list", "wrapped"] = "standard"

    nulls: Literal["null", "absent"] = "absent"
    flags: Literal["boolean", "text", "number"] = "boolean"
    withheld: tuple[str, ...] = ()
    pre_registered: bool = False
    out_of_district: bool = False
    skips_odd_students: bool = False
    leavers: Literal["tobedeleted", "disabled", "gone"] = "tobedeleted"
    tombstone_days: int | None = 7
    grades: Mapping[str, str] = field(default_factory=dict)

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
