"""What a file of XML is: an OCEL log or EPCIS, told by its outermost element."""

from pathlib import Path

from lxml import etree

_LOOKED_AT = 2**20
"""Bytes in which a document must begin."""
_STRETCH = 512


def xml_form(path: Path) -> str:
    """`ocel-xml` for a `log`, else `epcis-xml`; their readers say what is wrong with anything else."""
    parser = etree.XMLPullParser(events=("start",), load_dtd=False, no_network=True, resolve_entities=False)
    with path.open("rb") as file:
        while file.tell() < _LOOKED_AT and (data := file.read(_STRETCH)):
            try:
                parser.feed(data)
                for _, root in parser.read_events():
                    return "ocel-xml" if etree.QName(root).localname == "log" else "epcis-xml"
            except etree.XMLSyntaxError:
                break
    return "epcis-xml"
