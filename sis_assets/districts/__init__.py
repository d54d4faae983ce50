"""The district file: everything that is particular to one district, checked before it is used."""

from sis_assets.districts.calendar import Access, Calendar, Pull, Span
from sis_assets.districts.destinations import Destinations, Schoology
from sis_assets.districts.district import Codes, District, Freshness, Schools
from sis_assets.districts.dropzone import Dropzone, Entity, Files, Sftp, Timeouts
from sis_assets.districts.guard import Guard
from sis_assets.districts.loading import (
    SCHOOLOGY_SUFFIX,
    Registry,
    load_district,
    load_districts,
)
from sis_assets.districts.problems import DistrictFileError
from sis_assets.districts.retention import Retention, load_retention
from sis_assets.districts.schema import json_schema
from sis_assets.districts.secret import Identifier, Secret, reveal
from sis_assets.districts.sources import (
    Aeries,
    Auth,
    Deltas,
    EschoolplusApi,
    EschoolplusFiles,
    Ids,
    LoginForm,
    OAuth1,
    OAuth2,
    OneRosterApi,
    OneRosterFiles,
    Population,
    PowerSchool,
    RequestField,
    Requests,
    SiteLogin,
    Source,
)
from sis_assets.districts.tree import Place, Problem

__all__ = [
    "SCHOOLOGY_SUFFIX",
    "Access",
    "Aeries",
    "Auth",
    "Calendar",
    "Codes",
    "Deltas",
    "Destinations",
    "District",
    "DistrictFileError",
    "Dropzone",
    "Entity",
    "EschoolplusApi",
    "EschoolplusFiles",
    "Files",
    "Freshness",
    "Guard",
    "Identifier",
    "Ids",
    "LoginForm",
    "OAuth1",
    "OAuth2",
    "OneRosterApi",
    "OneRosterFiles",
    "Place",
    "Population",
    "PowerSchool",
    "Problem",
    "Pull",
    "Registry",
    "RequestField",
    "Requests",
    "Retention",
    "Schoology",
    "Schools",
    "Secret",
    "Sftp",
    "SiteLogin",
    "Source",
    "Span",
    "Timeouts",
    "json_schema",
    "load_district",
    "load_districts",
    "load_retention",
    "reveal",
]
