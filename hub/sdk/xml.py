"""XML from strangers, parsed without entities, external references or network (feeds, arXiv).

Not a feed reader: connectors pick the elements they know.
"""

from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hub.errors import ProviderUnavailable

__all__ = ["Element", "parse_xml"]


def parse_xml(data: bytes | str) -> Element:
    """The root element of an XML document; raises ``ProviderUnavailable`` when it is not well-formed, or
    declares entities (an expansion bomb, or a file to be read)."""
    try:
        root: Element = fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise ProviderUnavailable("The XML declares entities, which are not read.") from None
    except (ParseError, ValueError) as wrong:
        raise ProviderUnavailable(f"The answer is not well-formed XML: {wrong}") from None
    return root
