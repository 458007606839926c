"""Texts: what descriptions say in Markdown or HTML as short plain prose for a model.

Not a converter of documents: tags go, entities are decoded, spaces are folded.
"""

import html
import re

_TAG = re.compile(r"</?[A-Za-z][A-Za-z0-9]*(?:\s[^<>]*)?/?>")
_SPACES = re.compile(r"[^\S\n]+|\n[^\S\n]*(?:\n\s*)*")
_END = re.compile(r"[.!?](?=\s)")
_LINK = re.compile(r"\[([^\[\]]+)\]\([^()\s]*\)")


def prose(text: str) -> str:
    """``text`` without tags, link targets and needless spaces."""
    if "<" in text:
        text = _TAG.sub("", text)
    if "&" in text:
        text = html.unescape(text)
    if "](" in text:
        text = _LINK.sub(r"\1", text)
    if "\n" in text or "  " in text or text[:1] == " " or text[-1:] == " ":
        text = _SPACES.sub(lambda found: "\n" if "\n" in found.group() else " ", text).strip()
    return text


def cut(text: str, most: int) -> str:
    """At most ``most`` characters of ``text``, ended at a sentence where there is one; ``text`` itself when it fits."""
    if len(text) <= most:
        return text
    if most < 4:
        return ""
    head = text[: most - 1]
    ends = [found.end() for found in _END.finditer(head)]
    if ends and ends[-1] > most // 2:
        return head[: ends[-1]]
    return head.rsplit(" ", 1)[0].rstrip(" ,;:-") + "…"
