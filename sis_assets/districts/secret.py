"""Secrets stand outside the district file; the file says where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from sis_assets.districts.section import Section, wrong
from sis_assets.districts.text import EnvName, LocalPath, Text
from sis_assets.model.faults import Mover, NeedsPerson

HOW = "must be written {env: NAME} or {file: PATH}: a secret never stands in the file itself"


class Secret(Section):
    """Where a secret is found: an environment variable or a file. Holds the reference, never the value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    env: EnvName | None = Field(None, description="The environment variable that holds the secret.")
    file: LocalPath | None = Field(
        None,
        description="The file that holds the secret; line ends at its end do not count. "
        "A relative path begins at the district file's folder.",
    )

    @model_validator(mode="before")
    @classmethod
    def _a_reference(cls, data: Any) -> Any:
        if not isinstance(data, Secret) and (
            not isinstance(data, dict)
            or len(data) != 1
            or not {"env", "file"}.issuperset(data)
            or None in data.values()
        ):
            raise wrong(HOW)
        return data

    def reveal(self) -> str:
        """Return the secret as it stands in its place now.

        Raises NeedsPerson, naming the variable or the path, when the place is absent, unreadable or empty.
        """
        if self.env is not None:
            place, value, seen = f"environment variable {self.env}", os.environ.get(self.env), "it is not set"
        else:
            place = f"file {self.file}"
            value, seen = _content(self.file or Path())
        if value is not None and not value.strip():
            value, seen = None, "it is empty"
        if value is None:
            raise NeedsPerson(
                tried=f"Reading a secret from the {place}",
                seen=seen,
                todo="Put the secret there, for the account that runs sis-assets",
                mover=Mover.ENGINEER,
            )
        return value

    def __str__(self) -> str:
        """Name the place, as the file does."""
        return f"{{env: {self.env}}}" if self.env is not None else f"{{file: {self.file}}}"

    def __repr__(self) -> str:
        return f"Secret({self})"


def _content(path: Path) -> tuple[str | None, str]:
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n"), ""
    except OSError as error:
        return None, f"it cannot be read ({error.strerror})"
    except ValueError:
        return None, "it is not UTF-8 text"


def _form(value: object) -> str:
    return "<text>" if isinstance(value, str) else "<secret>"


#: A login name, key or client id. It is no secret and may stand in the file, or beside its secret.
Identifier = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[Secret, Tag("<secret>")], Discriminator(_form)
]


def reveal(value: Secret | str) -> str:
    """Return an identifier's text, wherever it stands. Raises NeedsPerson as `Secret.reveal` does."""
    return value.reveal() if isinstance(value, Secret) else value
