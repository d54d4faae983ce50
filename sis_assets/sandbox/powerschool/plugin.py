"""A plugin as a server installs it: its rights and its named queries, read from the zip (contract: PowerSchool §1.9).

What PowerSchool rejects on upload is rejected here, too.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

_NAMESPACE = "{http://plugin.powerschool.pearson.com}"
_LEVELS = ("NONE", "READ", "FULL")
_ACCESSES = ("ViewOnly", "FullAccess")
_QUERY_NAME = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+){4}$", re.IGNORECASE)
_LIMITS = {"name": 40, "version": 20, "description": 256}


class PluginRejected(Exception):
    """The server does not take this plugin; the message says why."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What the plugin may read.

    v1      its level for /ws/v1: NONE, READ, FULL; None where plugin.xml states none, which denies
    fields  access by lower-case table and column; None grants everything
    """

    v1: str | None = "READ"
    fields: Mapping[str, Mapping[str, str]] | None = None

    def access(self, table: str, column: str) -> str:
        """Return NoAccess, ViewOnly or FullAccess, as table metadata spells them."""
        if self.fields is None:
            return "FullAccess"
        return self.fields.get(table, {}).get(column, "NoAccess")


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A PowerQuery: `columns` are (table, column, alias) in SELECT order, `arguments` names with whether required."""

    name: str
    core_table: str
    flattened: bool
    columns: tuple[tuple[str, str, str], ...]
    arguments: Mapping[str, bool]
    sql: str


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin."""

    rights: Rights = field(default_factory=Rights)
    queries: Mapping[str, NamedQuery] = field(default_factory=dict)


def read_plugin(path: Path, known: Mapping[str, Collection[str]]) -> Plugin:
    """Return the plugin in a zip.

    known  the columns of every table that this server has, to reject an access request for another column

    Raises PluginRejected for what the server would not take.
    """
    with path.open("rb") as content:
        if not zipfile.is_zipfile(content):
            raise PluginRejected(f"{path} is no zip")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "plugin.xml" not in names:
            raise PluginRejected("plugin.xml is not at the root of the zip")
        rights = _rights(_parsed(archive.read("plugin.xml"), "plugin.xml"), known)
        queries: dict[str, NamedQuery] = {}
        for name in sorted(names):
            if not (name.startswith("queries_root/") and name.endswith(".named_queries.xml")):
                continue
            for query in _queries(_parsed(archive.read(name), name)):
                if query.name in queries:
                    raise PluginRejected(f"query {query.name} is there twice")
                queries[query.name] = query
    return Plugin(rights, queries)


def _parsed(content: bytes, name: str) -> ET.Element:
    if b"<!DOCTYPE" in content:
        raise PluginRejected(f"{name} has a document type")
    try:
        return ET.fromstring(content)  # noqa: S314 - no document type, so no entities
    except ET.ParseError as error:
        raise PluginRejected(f"{name} is no XML: {error}") from error


def _rights(root: ET.Element, known: Mapping[str, Collection[str]]) -> Rights:
    if root.tag != f"{_NAMESPACE}plugin":
        raise PluginRejected("plugin.xml does not begin with plugin of PowerSchool's namespace")
    for attribute, limit in _LIMITS.items():
        value = root.get(attribute, "")
        if not value or len(value) > limit:
            raise PluginRejected(f"{attribute} must have 1 to {limit} characters")
    if not re.fullmatch(r"[0-9.]+", root.get("version", "")):
        raise PluginRejected("version must be digits and dots")
    _check_publisher(root)
    level = root.find(f"{_NAMESPACE}oauth")
    if level is None:
        raise PluginRejected("without oauth there are no credentials to call with")
    v1 = level.get("accessLevelV1Api")
    if v1 is not None and v1 not in _LEVELS:
        raise PluginRejected(f"accessLevelV1Api must be one of {', '.join(_LEVELS)}")
    fields: dict[str, dict[str, str]] = {}
    for request in root.iterfind(f"{_NAMESPACE}access_request/{_NAMESPACE}field"):
        table, column, access = (request.get(key, "") for key in ("table", "field", "access"))
        if access not in _ACCESSES:
            raise PluginRejected(f"access of {table}.{column} must be one of {', '.join(_ACCESSES)}")
        if column.lower() not in known.get(table.lower(), ()):
            raise PluginRejected(f"{table}.{column} is not known")
        fields.setdefault(table.lower(), {})[column.lower()] = access
    return Rights(v1, fields)


def _check_publisher(root: ET.Element) -> None:
    publisher = root.find(f"{_NAMESPACE}publisher")
    contact = None if publisher is None else publisher.find(f"{_NAMESPACE}contact")
    if publisher is None or not 1 <= len(publisher.get("name", "")) <= 100:  # noqa: PLR2004 - contract §1.9
        raise PluginRejected("publisher needs a name of 1 to 100 characters")
    if contact is None or not 1 <= len(contact.get("email", "")) <= 40:  # noqa: PLR2004 - contract §1.9
        raise PluginRejected("publisher needs a contact with an email of 1 to 40 characters")


def _queries(root: ET.Element) -> list[NamedQuery]:
    return [_query(element) for element in root.iterfind("query")]


def _query(element: ET.Element) -> NamedQuery:
    name = element.get("name", "")
    if not _QUERY_NAME.match(name):
        raise PluginRejected(f"query name {name!r} does not have five parts")
    columns = tuple(_column(name, column) for column in element.iterfind("columns/column"))
    aliases = [alias for _, _, alias in columns]
    if not columns or len(set(aliases)) < len(aliases):
        raise PluginRejected(f"query {name} needs columns with unique aliases")
    sql = (element.findtext("sql") or "").strip()
    if not sql:
        raise PluginRejected(f"query {name} has no sql")
    arguments = {
        argument.get("name", ""): argument.get("required") == "true"
        for argument in element.iterfind("args/arg")
    }
    return NamedQuery(
        name, element.get("coreTable", ""), element.get("flattened") == "true", columns, arguments, sql
    )


def _column(query: str, element: ET.Element) -> tuple[str, str, str]:
    table, _, column = element.get("column", "").lower().partition(".")
    alias = (element.text or "").strip().lower()
    if not column or not alias:
        raise PluginRejected(f"a column of query {query} does not name a table, a column and an alias")
    return table, column, alias
