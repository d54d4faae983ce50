"""HTTP towards a server that is slow, gone, busy, untrusted or odd; real sockets on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sis_assets.model.faults import Fault, NeedsPerson, PermanentFault, TransientFault
from sis_assets.transport.gate import Gate, gate_to
from sis_assets.transport.http import BusyFault, Patience, Reply, Request, Server

HASTY = Patience(
    connect_seconds=2,
    silence_seconds=0.3,
    request_seconds=0.6,
    attempts=2,
    first_pause_seconds=0.01,
    longest_pause_seconds=0.02,
    longest_wished_pause_seconds=0.5,
    body_bytes=1000,
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextmanager
def speaking(
    answer: Callable[[socket.socket, int], None], tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """Serve on a free port; `answer` gets each connection, whose request was read, and its number from 0."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket, number: int) -> None:
        try:
            with connection if tls is None else tls.wrap_socket(connection, server_side=True) as line:
                line.settimeout(5)
                while b"\r\n\r\n" not in line.recv(65536):
                    pass
                answer(line, number)
        except OSError:
            pass  # the client has gone, which is what some tests are about

    def accept() -> None:
        number = 0
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection, number)))
            threads[-1].start()
            number += 1

    accepting = threading.Thread(target=accept)
    accepting.start()
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        accepting.join()
        for thread in threads:
            thread.join()


def ask(url: str, patience: Patience = HASTY) -> Reply:
    with Server(url, at_once=2, patience=patience) as server:
        return server.ask(Request("Asking", "GET", "/path", {"q": "a b&c"}), lambda reply: reply)


def send(text: bytes) -> Callable[[socket.socket, int], None]:
    return lambda line, _: line.sendall(text)


def test_a_good_answer_comes_whole() -> None:
    with speaking(send(OK)) as url:
        reply = ask(url)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"ok", "2")


def test_a_query_is_encoded_and_nothing_of_ours_is_sent_that_was_not_asked_for() -> None:
    seen: list[bytes] = []

    def answer(line: socket.socket, _: int) -> None:
        line.sendall(OK)

    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(
        target=lambda: [
            (seen.append(line.recv(65536)), answer(line, 0), line.close()) for line in [listening.accept()[0]]
        ]
    )
    thread.start()
    ask(f"http://127.0.0.1:{listening.getsockname()[1]}")
    thread.join()
    listening.close()
    assert seen[0].startswith(b"GET /path?q=a%20b%26c HTTP/1.1\r\n")
    assert b"authorization" not in seen[0].lower()
    assert b"cookie" not in seen[0].lower()


def test_a_server_that_says_nothing_is_given_up_and_tried_again() -> None:
    asked: list[int] = []

    def silent(_: socket.socket, number: int) -> None:
        asked.append(number)
        time.sleep(0.4)

    with speaking(silent) as url, pytest.raises(TransientFault, match="no whole answer in time"):
        ask(url)
    assert asked == [0, 1]


def test_an_answer_that_drips_is_bounded_as_a_whole() -> None:
    def drip(line: socket.socket, _: int) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        for _ in range(500):
            line.sendall(b".")
            time.sleep(0.05)

    began = time.monotonic()
    with speaking(drip) as url, pytest.raises(TransientFault, match="no whole answer in time"):
        ask(url)
    assert time.monotonic() - began < 4


def test_every_try_is_signed_anew_over_the_whole_address() -> None:
    signed: list[str] = []

    def sign(method: str, url: str) -> dict[str, str]:
        signed.append(f"{method} {url}")
        return {"Authorization": f"signature {len(signed)}"}

    seen: list[int] = []

    def broken_once(line: socket.socket, number: int) -> None:
        seen.append(number)
        line.sendall(OK if number else OK[:-1])

    with speaking(broken_once) as url, Server(url, at_once=1, patience=HASTY) as server:
        server.ask(Request("Asking", "GET", "/path", {"q": "a b'"}, sign=sign), lambda reply: reply)
        assert signed == [f"GET {url}/path?q=a%20b%27"] * 2
    assert seen == [0, 1]


def test_a_connection_that_breaks_off_is_tried_again() -> None:
    def once_broken(line: socket.socket, number: int) -> None:
        line.sendall(OK if number else OK[:-1])

    with speaking(once_broken) as url:
        assert ask(url).body == b"ok"


def test_a_compressed_answer_is_bounded_by_what_it_unpacks_to() -> None:
    import gzip  # noqa: PLC0415 - one test

    packed = gzip.compress(b" " * 100_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    with speaking(send(head + packed)) as url, pytest.raises(PermanentFault, match="more than 1000 bytes"):
        ask(url)


def test_what_is_no_http_is_no_answer() -> None:
    with speaking(send(b"SSH-2.0-OpenSSH\r\n")) as url, pytest.raises(TransientFault):
        ask(url)


@pytest.mark.parametrize("status", [b"429", b"502", b"503", b"504"])
def test_a_busy_server_is_tried_again(status: bytes) -> None:
    def once_busy(line: socket.socket, number: int) -> None:
        line.sendall(OK if number else OK.replace(b"200 OK", status + b" Busy"))

    with speaking(once_busy) as url:
        assert ask(url).status == 200


@pytest.mark.parametrize("status", [b"400", b"401", b"403", b"404", b"500", b"501"])
def test_every_other_answer_is_the_callers_to_judge(status: bytes) -> None:
    with speaking(send(OK.replace(b"200 OK", status + b" No"))) as url:
        assert ask(url).status == int(status)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        ("7", 7),
        ("soon", None),
        ("-1", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
    ],
)
def test_a_wished_pause_is_a_number_or_a_date(wish: str, seconds: float | None) -> None:
    busy = f"HTTP/1.1 429 Busy\r\nRetry-After: {wish}\r\nContent-Length: 0\r\n\r\n".encode()
    with speaking(send(busy)) as url, pytest.raises(BusyFault) as caught:
        ask(url)
    assert caught.value.seconds == seconds


def test_a_wished_pause_may_be_a_date_to_come() -> None:
    wish = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    busy = f"HTTP/1.1 503 Busy\r\nRetry-After: {wish}\r\nContent-Length: 0\r\n\r\n".encode()
    with speaking(send(busy)) as url, pytest.raises(BusyFault) as caught:
        ask(url)
    assert caught.value.seconds == pytest.approx(3600, abs=60)


def test_the_requests_to_a_host_are_counted_over_all_districts() -> None:
    lock = threading.Lock()
    under_way: list[int] = [0, 0]

    def slow(line: socket.socket, _: int) -> None:
        with lock:
            under_way[0] += 1
            under_way[1] = max(under_way)
        time.sleep(0.02)
        with lock:
            under_way[0] -= 1
        line.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    with speaking(slow) as url, Server(url, at_once=3) as one, Server(url.upper(), at_once=3) as other:
        threads = [
            threading.Thread(target=server.ask, args=(Request("Asking", "GET", "/"), lambda _: None))
            for server in (one, other) * 6
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert under_way[1] == 3


def test_a_pause_that_a_host_wishes_for_closes_the_way_to_it_for_everybody() -> None:
    def once_busy(line: socket.socket, number: int) -> None:
        busy = b"HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
        line.sendall(OK if number else busy)

    alone = replace(HASTY, attempts=1, longest_wished_pause_seconds=2)
    with speaking(once_busy) as url:
        with pytest.raises(BusyFault):
            ask(url, alone)
        began = time.monotonic()
        assert ask(url, alone).status == 200
    assert time.monotonic() - began > 0.8


def test_a_failed_request_gives_its_place_back() -> None:
    gate = Gate()
    with pytest.raises(KeyError), gate.turn(1):
        raise KeyError
    with gate.turn(1):
        assert gate_to("a.test:1") is gate_to("a.test:1")
    assert gate_to("a.test:1") is not gate_to("b.test:1")


def test_a_certificate_that_nobody_trusts_is_the_districts_move(tmp_path: Path) -> None:
    with speaking(send(OK), _self_signed(tmp_path)) as url, pytest.raises(NeedsPerson) as caught:
        ask(url)
    assert "certificate" in caught.value.seen
    assert caught.value.mover == "district"


def _self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def test_headers_and_bodies_are_in_no_repr() -> None:
    request = Request("Asking", "POST", "/", {}, {"Authorization": "Bearer secret"}, b"secret")
    assert "secret" not in repr(request)
    assert "secret" not in repr(Reply(200, {"set-cookie": "secret"}, b"secret"))


def test_a_fault_keeps_no_request_as_its_cause() -> None:
    with pytest.raises(Fault) as caught:
        ask("http://127.0.0.1:9")
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
