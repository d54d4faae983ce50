"""Reads a district by a OneRoster API: pulls every collection into the landing folder, then makes tables of text of it.

Contract: OneRoster §4.3; rules: DESIGN §7, §8. A product with a OneRoster face of its own is the same `RestClient` with
another `Provider`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from sis_assets.districts import District, LoginForm, OAuth1, OAuth2, SiteLogin, reveal
from sis_assets.model.fingerprint import fingerprint
from sis_assets.sis.documents.delivered import tables_of
from sis_assets.sis.oneroster.api import auth, deltas, token
from sis_assets.sis.oneroster.api.checks import looks
from sis_assets.sis.oneroster.api.deltas import Settings
from sis_assets.sis.oneroster.api.pull import Pull
from sis_assets.sis.oneroster.api.session import Provider, Session
from sis_assets.sis.oneroster.contract import BY_NAME
from sis_assets.sis.reading import Delivery, EntityRead, Past
from sis_assets.sis.tokens import Credential, Tokens
from sis_assets.transport import landing
from sis_assets.transport.http import Patience, Server
from sis_assets.transport.visit import Visit

if TYPE_CHECKING:
    from sis_assets.districts import Problem
    from sis_assets.model.faults import Fault
    from sis_assets.sis.delimited import Readers
    from sis_assets.transport.dropzone import NotYet
    from sis_assets.warehouse.home import Home

_BASE_PATHS: Final[Mapping[str, str]] = {
    "1.1": "/ims/oneroster/v1p1",
    "1.2": "/ims/oneroster/rostering/v1p2",
}


@dataclass(frozen=True, slots=True)
class RestClient:
    """The common shape's client of every kind that is read by OneRoster's REST binding."""

    provider: Provider

    def problems(self, _: District) -> tuple[Problem, ...]:
        """Return what is wrong with `sis` in the light of the contract: nothing that the file's own rules do not know."""
        return ()

    def checks(self, district: District, home: Home) -> Iterator[tuple[str, Callable[[], str]]]:
        """Give the checks of a doctor: server, proof, and each collection with its right, its limit and its total."""
        with self._session(district, home, Visit()) as session:
            yield from looks(session, settings_of(district))

    def fetch(
        self,
        district: District,
        home: Home,
        past: Past,
        visit: Visit,
        patience: Patience | None = None,
    ) -> Delivery | NotYet:
        """Pull every collection of the district and land one file each below `home.landing`.

        Raises a Fault when any of them cannot be read whole. `NotYet` is of the common shape; an API is always there.
        """
        settings = settings_of(district)
        place = home.landing / district.district
        under = read_under(district)
        is_delta = deltas.may_be_laid_over(past, settings, under)
        landing.prepare(place)
        landing.sweep(place)
        with (
            self._session(district, home, visit, patience) as session,
            ThreadPoolExecutor(settings.concurrency) as pool,
        ):
            files = Pull(session, settings, place, pool, past, is_delta).everything()
        landing.settle(place)
        return Delivery(files, under, _stated(settings, is_delta=is_delta))

    def read(
        self,
        deliveries: Mapping[str, tuple[District, Delivery]],
        readers: Readers,  # noqa: ARG002 - of the common shape; what landed was written by us and needs no sandbox
        into: Path,
    ) -> dict[str, tuple[EntityRead, ...] | Fault]:
        """Make a table of text of every file of all deliveries; a fault of one district touches no other.

        The Parquet files lie in `into`; the caller removes that folder.
        """
        return tables_of(BY_NAME, deliveries, into)

    @contextmanager
    def _session(
        self, district: District, home: Home, visit: Visit, patience: Patience | None = None
    ) -> Iterator[Session]:
        """Give a session with the district's server; no request is made before the first is asked for.

        Raises NeedsPerson when a secret is not in its place.
        """
        settings = settings_of(district)

        def server_at(url: str) -> Server:
            return Server(url, at_once=settings.concurrency, patience=patience, visit=visit)

        with ExitStack() as open_servers:
            proof = _auth(settings, home, lambda url: open_servers.enter_context(server_at(url)))
            server = open_servers.enter_context(server_at(settings.url))
            base_path = settings.base_path or _BASE_PATHS[settings.version]
            yield Session(server, proof, base_path, self.provider)


def read_under(district: District) -> str:
    """Hash what decides which rows the server gives, and how they land: a delta over other rows would be no whole.

    Access that was granted anew begins with everything too.
    """
    settings = settings_of(district)
    deciding = {"url", "base_path", "version", "auth", "without", "pre_registered", "out_of_district"}
    source = settings.model_dump(mode="json", include=deciding)
    access = district.access.model_dump(mode="json")
    return fingerprint([source, access, *((entity.name, entity.column_names) for entity in BY_NAME.values())])


def _stated(settings: Settings, *, is_delta: bool) -> Mapping[str, str]:
    return {
        "read": "what changed, laid over the extract before" if is_delta else "everything",
        "version": settings.version,
        "student_id": settings.ids.student,
        "school_id": settings.ids.school,
    }


def settings_of(district: District) -> Settings:
    """Return the `sis` section of a district of these kinds."""
    return cast("Settings", district.sis)


def _auth(settings: Settings, home: Home, server_at: Callable[[str], Server]) -> auth.Auth:
    """Return the proof that the district file describes."""
    match settings.auth:
        case OAuth1() as said:
            return auth.OAuth1(reveal(said.consumer_key), reveal(said.consumer_secret), said.signature)
        case OAuth2() as said:
            scope = " ".join(said.scopes or auth.scopes_of(settings.version))
            credential = Credential(said.token_url, reveal(said.client_id), reveal(said.client_secret), scope)
            path, server = _split(said.token_url, server_at)
            fetch = partial(token.fetch, server, path, credential, in_body=said.credentials == "body")
            return auth.Bearer(Tokens(credential, home.scratch / "tokens", fetch), fetch)
        case SiteLogin(form=LoginForm() as form) as said:
            login, password = reveal(said.login), reveal(said.password)
            path, server = _split(form.url, server_at)
            filled = {
                form.domain: said.domain,
                form.site_code: said.site_code,
                form.login: login,
                form.password: password,
            }
            fetch = partial(token.by_form, server, path, filled, {})
            site = Credential(form.url, login, password, f"{said.domain} {said.site_code}")
            return auth.Bearer(Tokens(site, home.scratch / "tokens", fetch), fetch, auth.SITE_REFUSED)
        case SiteLogin() as said:
            told = {said.domain_header: said.domain, said.site_code_header: said.site_code}
            return auth.SiteLogin(reveal(said.login), reveal(said.password), told)


def _split(url: str, server_at: Callable[[str], Server]) -> tuple[str, Server]:
    """Return the path of an address and its server."""
    parts = urlsplit(url)
    return parts.path, server_at(f"{parts.scheme}://{parts.netloc}")


_CLIENT: Final = RestClient(
    Provider(
        grant=lambda collection: (
            f"Grant this client the scope {auth.scope_names(collection)}, or list the collection in sis.without"
        ),
        release="Have the provider release it for this client",
    )
)
problems, checks, fetch, read = _CLIENT.problems, _CLIENT.checks, _CLIENT.fetch, _CLIENT.read
