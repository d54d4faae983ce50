"""HTTP towards a district's server; the only module that knows the HTTP library.

What is transient is tried again, a few times and with growing pauses: refused and broken connections, timeouts, bodies
that end too early, 429 and 502–504. Everything else is the caller's to judge. Redirects are not followed: a credential
must not travel to a host that nobody named. No fault, log line or `repr` holds a header or a body.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import httpx

from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.transport.gate import gate_to
from sis_assets.transport.retry import paced_attempts
from sis_assets.transport.visit import Visit

T = TypeVar("T")

BUSY: Final = frozenset({429, 502, 503, 504})
_MIB: Final = 1 << 20

# It would tell every request; the pages of a night are tens of thousands.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request may take, how often it is tried again and how much an answer may hold. Seconds and bytes."""

    connect_seconds: float = 15.0
    silence_seconds: float = 90.0
    request_seconds: float = 240.0
    attempts: int = 5
    first_pause_seconds: float = 0.5
    longest_pause_seconds: float = 30.0
    longest_wished_pause_seconds: float = 120.0
    all_attempts_seconds: float = 900.0
    body_bytes: int = 64 * _MIB


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. `what` names it for people ("Reading students, page 7"); path and query hold no credential.

    The answer of a `passing` one is not kept for a read that goes on later: a token, a look at the clock. `sign` gives more
    headers for the method and the whole URL, anew for every try; it asks no server.
    """

    what: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    passing: bool = False
    sign: Callable[[str, str], Mapping[str, str]] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whole. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class BusyFault(TransientFault):
    """The server asks for a pause: `seconds`, None when it does not say how long."""

    seconds: float | None = None


class Server:
    """One server, asked by many threads at once; at most `at_once` requests to its host are under way in this process.

    It is asked as long as the `visit` allows, and not again what that has answers to.
    """

    def __init__(
        self, url: str, *, at_once: int, patience: Patience | None = None, visit: Visit | None = None
    ) -> None:
        self._patience = patience or Patience()
        self._visit = visit or Visit()
        self._at_once = at_once
        self._url = url
        self._host = urlsplit(url).netloc.lower()
        self._gate = gate_to(self._host)
        self._client = httpx.Client(
            verify=_certificates(),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once),
            timeout=httpx.Timeout(self._patience.silence_seconds, connect=self._patience.connect_seconds),
        )

    def ask(self, request: Request, understand: Callable[[Reply], T]) -> T:
        """Send the request and return what `understand` makes of the reply.

        A TransientFault, also one that `understand` raises, is tried again; every other Fault stops at once. Raises
        NeedsPerson for a redirect and an untrusted certificate, PermanentFault for a body beyond the limit, HoursOverError
        when the visit is over.
        """
        if request.passing:
            return self._patiently(request, understand)
        question = self._visit.question(
            request.method, request.path, sorted(request.query.items()), request.body
        )
        if known := self._visit.answer(question):
            return understand(Reply(*known))

        def understand_and_keep(reply: Reply) -> T:
            understood = understand(reply)
            self._visit.keep(question, reply.status, reply.headers, reply.body)
            return understood

        return self._patiently(request, understand_and_keep)

    def _patiently(self, request: Request, understand: Callable[[Reply], T]) -> T:
        patience = self._patience
        for attempt in paced_attempts(
            self._try_again,
            at_most=patience.attempts,
            within=patience.all_attempts_seconds,
            first_pause=patience.first_pause_seconds,
            longest_pause=patience.longest_pause_seconds,
        ):
            with attempt:
                return understand(self._once(request))
        raise AssertionError("a retry context ends by a return or an exception")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _try_again(self, error: Exception) -> bool | float:
        if isinstance(error, BusyFault) and error.seconds is not None:
            return error.seconds if error.seconds <= self._patience.longest_wished_pause_seconds else False
        return isinstance(error, TransientFault)

    def _once(self, request: Request) -> Reply:
        with self._gate.turn(self._at_once), self._told_apart(request.what):
            self._visit.go_on()
            reply = self._exchange(request)
        if reply.status in BUSY:
            raise self._busy(request.what, reply)
        if 300 <= reply.status < 400:  # noqa: PLR2004 - the class of redirects
            raise self._redirected(request.what, reply)
        return reply

    def _exchange(self, request: Request) -> Reply:
        deadline = time.monotonic() + self._patience.request_seconds
        body = bytearray()
        url = f"{self._url}{request.path}{'?' if request.query else ''}{urlencode(request.query, quote_via=quote)}"
        signed = request.sign(request.method, url) if request.sign else {}
        with self._client.stream(
            request.method, url, headers={**request.headers, **signed}, content=request.body
        ) as response:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._patience.body_bytes:
                    raise PermanentFault(
                        tried=request.what,
                        seen=f"the answer of {self._host} has more than {self._patience.body_bytes} bytes",
                        todo="Report this; such an answer is not in the contract",
                        mover=Mover.ENGINEER,
                    )
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the whole answer took too long")
            return Reply(
                response.status_code,
                {name.lower(): value for name, value in response.headers.items()},
                bytes(body),
            )

    @contextmanager
    def _told_apart(self, what: str) -> Iterator[None]:
        """Turn the library's exceptions into faults; theirs hold the request, so none is kept as a cause."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise self._transient(what, f"no whole answer in time ({type(error).__name__})") from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            fault = (
                self._untrusted(what)
                if _is_about_the_certificate(error)
                else self._transient(what, f"the connection failed or broke off ({type(error).__name__})")
            )
            raise fault from None
        except httpx.HTTPError as error:
            raise PermanentFault(
                tried=what,
                seen=f"{self._host} answers in no way that HTTP knows ({type(error).__name__})",
                todo="Check the address in the district file",
                mover=Mover.ENGINEER,
            ) from None

    def _transient(self, what: str, seen: str) -> TransientFault:
        return TransientFault(
            tried=what,
            seen=f"{self._host}: {seen}",
            todo="The next run tries again; if it goes on, ask whether the server is up and the address is right",
            mover=Mover.DISTRICT,
        )

    def _untrusted(self, what: str) -> Fault:
        return NeedsPerson(
            tried=what,
            seen=f"the certificate of {self._host} is not trusted",
            todo="Install a certificate for this host name with its whole chain on the server",
            mover=Mover.DISTRICT,
        )

    def _busy(self, what: str, reply: Reply) -> BusyFault:
        seconds = _wished_pause(reply.headers.get("retry-after"))
        wish = "" if seconds is None else f" and asks to wait {seconds:.0f} s"
        fault = BusyFault(
            tried=what,
            seen=f"{self._host} answers {reply.status}{wish}",
            todo="The next run tries again; if it goes on, lower sis.concurrency or move the pull window",
            mover=Mover.ENGINEER,
        )
        fault.seconds = seconds
        if seconds is not None and seconds <= self._patience.longest_wished_pause_seconds:
            self._gate.close_for(seconds)
        return fault

    def _redirected(self, what: str, reply: Reply) -> Fault:
        target = urlsplit(reply.headers.get("location", ""))
        place = f"to {target.scheme}://{target.hostname}" if target.hostname else "to another path"
        return NeedsPerson(
            tried=what,
            seen=f"{self._host} sends us on {place} ({reply.status}); we do not follow with a credential",
            todo="Put the address at which the API answers itself into sis.url of the district file",
            mover=Mover.ENGINEER,
        )


@cache
def _certificates() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _is_about_the_certificate(error: BaseException) -> bool:
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _wished_pause(value: str | None) -> float | None:
    """Return the seconds of a Retry-After header: a number, or a date; None when it is neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
