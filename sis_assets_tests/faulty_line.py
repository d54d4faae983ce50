"""A TCP line that fails on command: a proxy on loopback before a real server."""

from __future__ import annotations

import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

Failure = Literal["reset", "close", "stall"]


@dataclass
class FaultyLine:
    """Passes bytes both ways until the server has sent `after` bytes, then fails: each connection anew.

    reset: both sides get a TCP reset. close: an ordinary end. stall: nothing is passed any more.
    """

    target: int
    after: int
    failure: Failure
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    connections: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def serve(self) -> None:
        self.listener.settimeout(0.05)
        carriers = []
        while not self._ended.is_set():
            with suppress(TimeoutError):
                client, _ = self.listener.accept()
                self.connections += 1
                carriers.append(threading.Thread(target=self._carry, args=(client,)))
                carriers[-1].start()
        for carrier in carriers:
            carrier.join()

    def end(self) -> None:
        self._ended.set()

    def _carry(self, client: socket.socket) -> None:
        left = self.after
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            other = {client: server, server: client}
            while not self._ended.is_set():
                for side in select.select(list(other), [], [], 0.05)[0]:
                    try:
                        data = side.recv(65536 if side is client else max(1, min(65536, left)))
                        if not data:
                            return
                        other[side].sendall(data)
                    except OSError:
                        return
                    left -= len(data) if side is server else 0
                if left <= 0:
                    break
            if self.failure == "stall":
                self._ended.wait()
            elif self.failure == "reset":
                for side in other:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@contextmanager
def faulty_line(target: int, *, after: int, failure: Failure) -> Iterator[FaultyLine]:
    line = FaultyLine(target, after, failure)
    server = threading.Thread(target=line.serve)
    server.start()
    try:
        yield line
    finally:
        line.end()
        server.join()
        line.listener.close()
