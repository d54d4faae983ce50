"""The plugin that a district installs: it grants reading, exactly what the contract lists, and brings our queries.

For a district whose file says so it grants course requests too: to be seen, or to be written.

Contract: PowerSchool §1.9 (files, limits), §1.2 (which right governs what), §1.7 (queries). The same contract gives the
same bytes.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.sis.powerschool.contract import ENTITIES
from sis_assets.sis.powerschool.layout import Query, TableRows

NAME: Final = "sis-assets"
#: Counts the contents that were ever handed out, so that a newer plugin has a higher version.
EDITION: Final = 1
_LONGEST_CONTACT: Final = 40
_DIGITS: Final = 10**12


def queries() -> tuple[Query, ...]:
    """Return the queries that the plugin brings: those that the client asks."""
    return tuple(entity.query for entity in ENTITIES if entity.query is not None)


def granted_fields() -> tuple[tuple[str, str], ...]:
    """Return every (table, field) that the client reads, by itself or by a query; upper case, sorted."""
    of_tables = {
        (entity.source.table, column)
        for entity in ENTITIES
        if isinstance(entity.source, TableRows)
        for column in entity.column_names
    }
    of_queries = {
        (table, column)
        for query in queries()
        for place in (query.argument[1], *(source for source, _ in query.columns))
        for table, column in (place.split("."),)
    }
    return tuple(sorted({(table.upper(), column.upper()) for table, column in of_tables | of_queries}))


@dataclass(frozen=True, slots=True)
class Grant:
    """A right to one field of a table, upper case: ViewOnly or FullAccess."""

    table: str
    field: str
    access: str


def built(contact: str, more: Sequence[Grant] = ()) -> bytes:
    """Return the plugin as a zip, for upload as it is. `contact` is the e-mail address that PowerSchool shows.

    `more` are rights that only some districts give.

    Raises NeedsPerson for an address that PowerSchool would refuse.
    """
    if not re.fullmatch(r"[^@\s<>&]+@[^@\s<>&]+", contact) or len(contact) > _LONGEST_CONTACT:
        raise NeedsPerson(
            tried="Building the PowerSchool plugin",
            seen="the contact is no e-mail address of at most 40 characters",
            todo="Give --contact an address that the district may write to",
            mover=Mover.ENGINEER,
        )
    others = {
        "permissions_root/sis_assets.permission_mappings.xml": _permissions(),
        "queries_root/sis_assets.named_queries.xml": _named_queries(),
    }
    files = {"plugin.xml": _plugin(contact, version(contact, more), more)} | others
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content.encode())
    return out.getvalue()


def version(contact: str, more: Sequence[Grant] = ()) -> str:
    """Return the plugin's version: it changes exactly when the content does. Digits and dots, at most 20 characters."""
    content = "\0".join((_plugin(contact, "", more), _permissions(), _named_queries()))
    return f"{EDITION}.{int(hashlib.sha256(content.encode()).hexdigest(), 16) % _DIGITS}"


def _plugin(contact: str, number: str, more: Sequence[Grant]) -> str:
    grants = [*(Grant(table, field, "ViewOnly") for table, field in granted_fields()), *more]
    fields = _lines(
        f"    <field table={quoteattr(grant.table)} field={quoteattr(grant.field)} access={quoteattr(grant.access)}/>"
        for grant in grants
    )
    writes = any(grant.access == "FullAccess" for grant in more)
    does = "writes course requests" if writes else "changes nothing"
    return _document(
        '<plugin xmlns="http://plugin.powerschool.pearson.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\n'
        '        xsi:schemaLocation="http://plugin.powerschool.pearson.com plugin.xsd"\n'
        f"        name={quoteattr(NAME)} version={quoteattr(number)}\n"
        f'        description="Reads schools, students, courses, sections and transcripts, and {does}">\n'
        '  <oauth accessLevelV1Api="READ"/>\n'
        f"  <access_request>\n{fields}\n  </access_request>\n"
        f"  <publisher name={quoteattr(NAME)}><contact email={quoteattr(contact)}/></publisher>\n"
        "</plugin>"
    )


def _named_queries() -> str:
    return _document(f"<queries>\n{_lines(_query(query) for query in queries())}\n</queries>")


def _query(query: Query) -> str:
    argument, column = query.argument
    columns = _lines(
        f"      <column column={quoteattr(source)}>{escape(alias)}</column>"
        for source, alias in query.columns
    )
    return (
        f'  <query name={quoteattr(query.name)} coreTable={quoteattr(query.core_table)} flattened="true">\n'
        f"    <description>{escape(query.description)}</description>\n"
        f'    <args><arg name={quoteattr(argument)} column={quoteattr(column)} required="true" type="primitive"/></args>\n'
        f"    <columns>\n{columns}\n    </columns>\n"
        f"    <sql><![CDATA[{query.sql}]]></sql>\n"
        "  </query>"
    )


def _permissions() -> str:
    implied = _lines(f'    <implies allow="post">{escape(query.path)}</implies>' for query in queries())
    return _document(
        f'<permission_mappings>\n  <permission name="/admin/home.html">\n{implied}\n  </permission>\n</permission_mappings>'
    )


def _document(content: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}\n'


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
