"""OAuth 1.0a signatures as RFC 5849 §3.4 describes them, written from the text alone: tests check the client by it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, unquote, urlsplit

HASHES = {"HMAC-SHA1": hashlib.sha1, "HMAC-SHA256": hashlib.sha256}


def escaped(text: str) -> str:
    return quote(text, safe="-._~")


def base_string(method: str, url: str, protocol: Iterable[tuple[str, str]], form: str = "") -> str:
    """§3.4.1: method, address and sorted parameters; of the header without realm and signature."""
    parts = urlsplit(url)
    host = re.sub(r":(80|443)$", "", parts.netloc.lower())
    given = [
        *parse_qsl(parts.query, keep_blank_values=True),
        *parse_qsl(form, keep_blank_values=True),
        *((name, value) for name, value in protocol if name not in {"realm", "oauth_signature"}),
    ]
    pairs = sorted((escaped(name), escaped(value)) for name, value in given)
    normalised = "&".join(f"{name}={value}" for name, value in pairs)
    return "&".join(
        [method.upper(), escaped(f"{parts.scheme}://{host}{parts.path or '/'}"), escaped(normalised)]
    )


def signature(base: str, consumer_secret: str, token_secret: str = "", method: str = "HMAC-SHA1") -> str:
    """§3.4.2, and the same with SHA-256."""
    key = f"{escaped(consumer_secret)}&{escaped(token_secret)}"
    return base64.b64encode(hmac.digest(key.encode(), base.encode(), HASHES[method])).decode()


def parameters(header: str) -> dict[str, str]:
    """§3.5.1: what an Authorization header says."""
    scheme, _, rest = header.partition(" ")
    if scheme != "OAuth":
        return {}
    return {unquote(name): unquote(value) for name, value in re.findall(r'([^=,\s]+)="([^"]*)"', rest)}
