"""The ways back into a SIS, by the district file's `sis.kind`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis.aeries import requests as aeries
from sis_assets.sis.eschoolplus import requests as eschoolplus
from sis_assets.sis.powerschool import requests as powerschool

if TYPE_CHECKING:
    from sis_assets.districts import District, Requests
    from sis_assets.sis.request_form import Form

FORMS: Mapping[str, Form] = {
    "eschoolplus_files": eschoolplus.FORM,
    "eschoolplus_api": eschoolplus.FORM,
    "powerschool": powerschool.FORM,
    "aeries": aeries.FORM,
}


def settings_of(district: District) -> Requests:
    """Return the district's settings for requests. Raises NeedsPerson for a SIS that takes none."""
    settings: Requests | None = getattr(district.sis, "requests", None)
    if settings is None:
        raise NeedsPerson(
            tried="Choosing how course requests go back",
            seen=f"a SIS of kind {district.sis.kind} takes none",
            todo="Enter them in the SIS by hand",
            mover=Mover.DISTRICT,
        )
    return settings


def form_of(district: District) -> Form:
    """Return how the district's SIS takes requests, as its file says. Raises NeedsPerson."""
    settings = settings_of(district)
    return FORMS[district.sis.kind].under(settings)
