"""Where a district's alerts go: Apprise URLs, and never a credential among them."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import parse_qsl

from pydantic import AfterValidator, Discriminator, Tag, WithJsonSchema

from sis_assets.districts.secret import Secret
from sis_assets.districts.section import wrong
from sis_assets.districts.text import is_loopback, split_url

#: Services whose URL can be whole without a secret. Every other service's URL carries its token.
_PLAIN = {"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "syslog", "rsyslog"}
_UNENCRYPTED = {"json", "xml", "form"}
_SECRET_WORDS = re.compile(r"pass|pwd|token|secret|key|auth|sig", re.IGNORECASE)
_TOKEN = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_.~%+=-]{20,}", re.ASCII)
_RULE = "holds a credential: write the whole URL as {env: NAME} or {file: PATH}"


def _without_credentials(value: str) -> str:
    parts = split_url(value)
    if parts is None:
        raise wrong("must be an Apprise URL such as mailto://ops@example.org, or {env: NAME} or {file: PATH}")
    if parts.scheme not in _PLAIN:
        raise wrong(
            "must be written {env: NAME} or {file: PATH}: this service's URL carries its token "
            f"(in clear may stand {', '.join(sorted(_PLAIN))})"
        )
    query = [name for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
    if (
        parts.password is not None
        or parts.fragment
        or any(name[:1] in {"+", "-", " "} or _SECRET_WORDS.search(name) for name in query)
        or any(_TOKEN.fullmatch(segment) for segment in parts.path.split("/"))
    ):
        raise wrong(_RULE)
    if parts.scheme in _UNENCRYPTED and not is_loopback(parts.hostname or ""):
        raise wrong(
            f"must begin with {parts.scheme}s://; {parts.scheme}:// is allowed for the loopback address only"
        )
    return value


def _form(value: object) -> str:
    return "<url>" if isinstance(value, str) else "<secret>"


AlertUrl = Annotated[
    str, AfterValidator(_without_credentials), WithJsonSchema({"type": "string", "pattern": "^[a-z]+://"})
]
Alert = Annotated[
    Annotated[AlertUrl, Tag("<url>")] | Annotated[Secret, Tag("<secret>")], Discriminator(_form)
]
