"""The heads of the audit's chains, kept beside the warehouse: what `ops.audit` itself cannot show (see `model/chain`)."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from pathlib import Path

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.warehouse.trouble import trouble


def load(path: Path) -> dict[str, str]:
    """Return the last hash of every district's chain as it was at the last verification; none when there was none.

    Raises NeedsPerson when the file is damaged or cannot be read.
    """
    try:
        return {str(district): str(head) for district, head in json.loads(path.read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError):
        raise NeedsPerson(
            tried=f"Reading the heads of the audit in {path}",
            seen="the file is damaged or cannot be read",
            todo="Repair it or restore it from a backup; without it a cut-off end of the audit goes unnoticed",
            mover=Mover.ENGINEER,
        ) from None


def keep(path: Path, heads: Mapping[str, str]) -> None:
    """Write the file (0600) whole or not at all. Raises TransientFault when the disk is full."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as out:
            json.dump(dict(sorted(heads.items())), out, indent=1)
            out.flush()
            os.fsync(file)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if (fault := trouble(error)) is None:
            raise NeedsPerson(
                tried=f"Writing the heads of the audit to {path}",
                seen=os.strerror(error.errno or errno.EIO),
                todo="Let our user write there",
                mover=Mover.ENGINEER,
            ) from None
        raise fault from None
