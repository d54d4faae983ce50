"""Reads an eSchoolPLUS district by the OneRoster face of its PLUS 360 API (contract eSchoolPLUS §1.4).

What is read, and how, is OneRoster's. What is the district's own is its API profile: which endpoints it subscribes to,
which fields it lets out, whom it includes.
"""

from __future__ import annotations

from typing import Final

from sis_assets.sis.oneroster.api.client import RestClient
from sis_assets.sis.oneroster.api.session import Provider

_PROFILE: Final = "the API profile (Administration > Utilities > Integration > API Profile)"
_CLIENT: Final = RestClient(
    Provider(
        grant=lambda collection: f"Subscribe {_PROFILE} to OneRoster's {collection}",
        release=f"Tick the field in the Endpoint Advanced Settings of {_PROFILE}",
    )
)
problems, checks, fetch, read = _CLIENT.problems, _CLIENT.checks, _CLIENT.fetch, _CLIENT.read
