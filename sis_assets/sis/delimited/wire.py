"""Frames between the parent and its reader processes: a length, then JSON.

JSON and not pickles: what a reader process answers, after it has looked at untrusted bytes, must never run as code here.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from sis_assets.model.faults import Fault, Mover, NeedsPerson, PermanentFault, TransientFault
from sis_assets.sis.delimited.shapes import Dialect, Layout, Limits, ReadFile, ReadJob, Rejected

LENGTH_BYTES = 8
_FAULTS: dict[str, type[Fault]] = {
    kind.__name__: kind for kind in (TransientFault, PermanentFault, NeedsPerson)
}


def frame(payload: bytes) -> bytes:
    """Return the payload after its length."""
    return len(payload).to_bytes(LENGTH_BYTES, "big") + payload


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next payload, None when the stream has ended."""
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    payload = stream.read(int.from_bytes(length, "big"))
    return payload if len(payload) == int.from_bytes(length, "big") else None


def pack_job(job: ReadJob) -> bytes:
    """Return a job as JSON."""
    layout = {
        "columns": dict(job.layout.columns),
        "required": sorted(job.layout.required),
        "key": job.layout.key,
        "unwanted": sorted(job.layout.unwanted),
    }
    parts = {"layout": layout, "dialect": asdict(job.dialect), "limits": asdict(job.limits)}
    return json.dumps({"path": str(job.path), "into": str(job.into), **parts}).encode()


def unpack_job(payload: bytes) -> ReadJob:
    """Return the job that `pack_job` packed."""
    parts: dict[str, Any] = json.loads(payload)
    columns = {ours: tuple(accepted) for ours, accepted in parts["layout"]["columns"].items()}
    told = parts["layout"]
    layout = Layout(columns, frozenset(told["required"]), told["key"], frozenset(told["unwanted"]))
    dialect, limits = Dialect(**parts["dialect"]), Limits(**parts["limits"])
    return ReadJob(Path(parts["path"]), layout, dialect, limits, Path(parts["into"]))


def pack_result(result: ReadFile | Fault) -> bytes:
    """Return what became of a job as JSON."""
    if isinstance(result, Fault):
        told = {"tried": result.tried, "seen": result.seen, "todo": result.todo, "mover": result.mover}
        return json.dumps({"fault": type(result).__name__, **told}).encode()
    rejected = [[r.row_number, r.record_key, r.reason_code, r.message] for r in result.rejected]
    kept: dict[str, object] = {
        "columns": result.columns,
        "unknown_columns": result.unknown_columns,
        "encoding": result.encoding,
    }
    kept |= {"missing_optional": result.missing_optional, "records": result.records, "rejected": rejected}
    return json.dumps({"parquet": str(result.parquet), **kept}).encode()


def unpack_result(payload: bytes) -> ReadFile | Fault:
    """Return what `pack_result` packed; raises ValueError, KeyError or TypeError for anything else."""
    parts: dict[str, Any] = json.loads(payload)
    if "fault" in parts:
        kind = _FAULTS[parts["fault"]]
        return kind(tried=parts["tried"], seen=parts["seen"], todo=parts["todo"], mover=Mover(parts["mover"]))
    return ReadFile(
        parquet=Path(parts["parquet"]),
        columns=tuple(parts["columns"]),
        unknown_columns=tuple(parts["unknown_columns"]),
        missing_optional=tuple(parts["missing_optional"]),
        records=parts["records"],
        rejected=tuple(Rejected(*told) for told in parts["rejected"]),
        encoding=parts["encoding"],
    )
