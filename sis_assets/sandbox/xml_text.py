"""A JSON answer as XML, for callers that do not ask for JSON."""

from __future__ import annotations

import json
from xml.etree.ElementTree import Element, SubElement, tostring


def as_xml(text: str) -> str:
    """Return the JSON text as XML: keys are elements, those with `@` attributes, lists repeated elements."""
    document = json.loads(text)
    if isinstance(document, list):
        document = {"results": {"result": document}}
    name, content = next(iter(document.items())) if len(document) == 1 else ("results", document)
    root = Element(name)
    _fill(root, content)
    return tostring(root, encoding="unicode", xml_declaration=True)


def _fill(parent: Element, content: object) -> None:
    if not isinstance(content, dict):
        parent.text = str(content)
        return
    for key, value in content.items():
        if key.startswith("@"):
            parent.set(key[1:], str(value))
            continue
        for each in value if isinstance(value, list) else [value]:
            _fill(SubElement(parent, key), each)
