"""All that a connector may import.

    from hub.sdk import Connector, Context, Page, ToolError

Everything else under ``hub`` is the hub's own and may change; these names are the contract.
"""

from hub.errors import (
    ConnectionNeeded,
    ConnectorError,
    NotFoundError,
    OperatorNeeded,
    ProviderUnavailable,
    ToolError,
)
from hub.sdk.client import Http
from hub.sdk.connector import Connector
from hub.sdk.content import Audio, Embedded, File, Image, Link, Message, Page, Result, Text
from hub.sdk.context import Connection, Context, User
from hub.sdk.convert import html as html_from_markdown
from hub.sdk.convert import iso
from hub.sdk.convert import markdown as markdown_from_html
from hub.sdk.convert import text as text_from_html
from hub.sdk.files import Accepts
from hub.sdk.http import Outgoing, Reply
from hub.sdk.markup import EndTag, StartTag, html_pieces
from hub.sdk.paging import Size
from hub.sdk.provider.code import Given, ProviderCode
from hub.sdk.setting import Setting
from hub.sdk.talk import Elicit, Roots, Sample
from hub.sdk.xml import Element, parse_xml

__all__ = [
    "Accepts",
    "Audio",
    "Connection",
    "ConnectionNeeded",
    "Connector",
    "ConnectorError",
    "Context",
    "Element",
    "Elicit",
    "Embedded",
    "EndTag",
    "File",
    "Given",
    "Http",
    "Image",
    "Link",
    "Message",
    "NotFoundError",
    "OperatorNeeded",
    "Outgoing",
    "Page",
    "ProviderCode",
    "ProviderUnavailable",
    "Reply",
    "Result",
    "Roots",
    "Sample",
    "Setting",
    "Size",
    "StartTag",
    "Text",
    "ToolError",
    "User",
    "html_from_markdown",
    "html_pieces",
    "iso",
    "markdown_from_html",
    "parse_xml",
    "text_from_html",
]
