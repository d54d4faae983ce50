"""Whose provider it looks like: settings by name (contract: OneRoster §4.3; eSchoolPLUS §1.4, §1.6)."""

from __future__ import annotations

from collections.abc import Mapping

from sis_assets.sandbox.oneroster.settings import Settings

#: eSchoolPLUS by PLUS 360: the middle of the consumer key is in the address, signed requests are the usual way in, and
#: the birth date is withheld until it is ticked. 1.2 is reached by a token.
PLUS_360 = Settings(
    prefix="/plus360api/v1/ABC",
    schemes=("oauth1", "oauth2", "site_login"),
    consumer_key="OneRoster_ABC_123",
    withheld=("demographics.birthDate",),
)

#: The state's provider in Arkansas: strict about questions and students, lenient about sort and fields.
TRIAND = Settings(
    schemes=("oauth2",),
    unknown_parameters="reject",
    bad_sort="warn",
    bad_fields="warn",
    other_methods=400,
    scope_version=400,
    skips_odd_students=True,
    tombstone_days=7,
)

#: A provider that tells neither total nor links, caps pages without a word, and refuses an empty page.
TACITURN = Settings(total_count=False, links=False, maximum_limit=50, zero_limit="reject", envelope="flat")

GUISES: Mapping[str, Settings] = {
    "standard": Settings(),
    "plus360": PLUS_360,
    "triand": TRIAND,
    "taciturn": TACITURN,
}
