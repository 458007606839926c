"""The Wikipedias this connector reads: language codes and where each one's API stands. Not a list of all of them.

Addresses are made here, once, from codes written here: no argument of a call ever becomes part of a host name.
"""

from hub.sdk import ToolError

_CODES = """
    af als am ar arz as ast az azb ba be bg bn br bs ca ce ceb ckb cs cv cy da de el en eo es et eu fa fi fo fr
    fy ga gd gl gu ha hak he hi hr hsb ht hu hy ia id ig io is it ja jv ka kk km kn ko ku ky la lb lij lmo ln lt
    lv mg mi min mk ml mn mr ms mt my mzn nap nds ne new nl nn no oc or os pa pl pms pnb ps pt qu ro ru sa sah
    sc scn sco sd sh si simple sk sl sn so sq sr su sv sw szl ta te tg th tk tl tr tt ug uk ur uz vec vi vo wa
    war wo wuu xh yi yo za zh zh-min-nan zh-yue zu
"""

API = {code: f"https://{code}.wikipedia.org/w/api.php" for code in _CODES.split()}
"""The Action API of each Wikipedia, by language code (mediawiki.org, API:Action API)."""

PROJECT = {code: f"{code}.wikipedia" for code in _CODES.split()}
"""The name of each Wikipedia in the page view statistics."""


def known(language: str) -> str:
    """``language`` as a code of this table; raises ``ToolError`` for one it does not have."""
    code = language.strip().lower()
    if code not in API:
        raise ToolError(
            f"{language!r} is no Wikipedia this connector reads; give a code such as en, de, fr, es, ja, zh or simple."
        )
    return code
