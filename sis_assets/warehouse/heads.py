"""The heads of the audit's chains, kept beside the warehouse: what `ops.audit` itself cannot show (see `model/chain`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from sis_assets.model.faults import Mover, NeedsPerson
from sis_assets.warehouse.whole import write_whole


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
    """Write the file. Raises TransientFault when the disk is full, NeedsPerson when we may not write there."""
    write_whole(path, json.dumps(dict(sorted(heads.items())), indent=1))
