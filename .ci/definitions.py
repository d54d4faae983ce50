"""The gate on what Dagster loads: without network, writing nothing, with no setting at all.

Run by `make lint` with an empty environment. How long it took is printed and not judged: machines differ.
"""

import os
import sys
import time

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def refuse(event: str, arguments: tuple[object, ...]) -> None:
    """Stop at whatever leaves the process."""
    if event in {"socket.connect", "socket.getaddrinfo", "socket.bind", "os.mkdir", "sqlite3.connect"}:
        raise SystemExit(f"definitions: loading does {event} {arguments[:2]}")
    if (
        event == "open"
        and isinstance(arguments[2], int)
        and arguments[2] & _WRITES
        and arguments[0] != os.devnull
    ):
        raise SystemExit(f"definitions: loading writes {arguments[0]!r}")


def main() -> None:
    """Load the definitions and resolve every asset and job of them."""
    sys.dont_write_bytecode = True
    sys.addaudithook(refuse)
    from sis_assets.definitions import defs  # noqa: PLC0415 - this is what is measured

    assets = defs.resolve_asset_graph().get_all_asset_keys()
    seconds = time.process_time()
    sys.stdout.write(
        f"definitions: {len(assets)} assets load in {seconds:.2f} s of CPU time (meant: at most 2)\n"
    )


main()
