"""What a file of XML is: an OCEL log or EPCIS, told by its outermost element."""

import io
from pathlib import Path

from lxml import etree

_LOOKED_AT = 2**20
"""Bytes in which a document must begin."""


def xml_form(path: Path) -> str:
    """`ocel-xml` for a `log` of no namespace (OCEL 2.0), else `epcis-xml`, whose reader says what is wrong with anything else."""
    with path.open("rb") as file:
        beginning = io.BytesIO(file.read(_LOOKED_AT))
    try:
        _, root = next(etree.iterparse(beginning, events=("start",), load_dtd=False, no_network=True, resolve_entities=False))
    except (etree.XMLSyntaxError, StopIteration):
        return "epcis-xml"
    return "ocel-xml" if root.tag == "log" else "epcis-xml"
