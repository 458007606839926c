"""Wikidata's statements as short text: which ones count, what their values say, which ids need a name.

Pure functions of the JSON that ``wbgetentities`` returns (mediawiki.org, Wikibase/DataModel/JSON). Nothing here
fetches; names of items are passed in once they are known.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

_DECADE, _CENTURY, _MILLENNIUM = 8, 7, 6


def best(statements: list[Json]) -> list[Json]:
    """The preferred statements of one property, or the normal ones where none is preferred."""
    preferred = [one for one in statements if one.get("rank") == "preferred"]
    return preferred or [one for one in statements if one.get("rank") == "normal"]


def snaks(statement: Json, *, qualifiers: bool) -> Iterator[Json]:
    """The snaks of a statement: its own, and those of its qualifiers."""
    yield statement["mainsnak"]
    if qualifiers:
        for group in (statement.get("qualifiers") or {}).values():
            yield from group


def ids_in(snak: Json) -> Iterator[str]:
    """The ids a snak speaks of: its property, its item, its unit."""
    yield snak["property"]
    value = snak.get("datavalue", {}).get("value")
    if isinstance(value, dict):
        if isinstance(value.get("id"), str):
            yield value["id"]
        unit = unit_id(value)
        if unit is not None:
            yield unit


def unit_id(value: Json) -> str | None:
    """The item id of a quantity's unit; None for a bare number."""
    unit = value.get("unit")
    return unit.rsplit("/", 1)[-1] if isinstance(unit, str) and "/entity/" in unit else None


def named(identifier: str, names: Mapping[str, str]) -> str:
    """``human (Q5)``, or the id alone where it has no name."""
    name = names.get(identifier)
    return f"{name} ({identifier})" if name else identifier


def said(snak: Json, names: Mapping[str, str]) -> str:
    """What a snak says, as text."""
    kind = snak.get("snaktype")
    if kind != "value":
        return "unknown" if kind == "somevalue" else "none"
    held = snak.get("datavalue", {})
    value = held.get("value")
    match held.get("type"):
        case "wikibase-entityid":
            return named(str(value["id"]), names)
        case "time":
            return moment(str(value["time"]), int(value.get("precision", 11)))
        case "quantity":
            amount = str(value["amount"]).removeprefix("+")
            unit = unit_id(value)
            return f"{amount} {names.get(unit, unit)}" if unit else amount
        case "monolingualtext":
            return f"{value['text']} ({value['language']})"
        case "globecoordinate":
            return f"{value['latitude']}, {value['longitude']}"
        case _:
            return str(value)


def moment(time: str, precision: int) -> str:
    """Wikibase's time (``+1952-03-11T00:00:00Z``) as far as it is known: day 11, month 10, year 9, decade 8,
    century 7, millennium 6; a year before the common era bears ``BCE``."""
    before = time.startswith("-")
    year, _, rest = time.lstrip("+-").partition("-")
    number = int(year)
    era = " BCE" if before else ""
    if precision >= 11:
        return f"{number:04d}-{rest[:5]}{era}"
    if precision == 10:
        return f"{number:04d}-{rest[:2]}{era}"
    if precision == _DECADE:
        return f"{number // 10 * 10}s{era}"
    if precision == _CENTURY:
        return f"century {(number + 99) // 100}{era}"
    if precision == _MILLENNIUM:
        return f"millennium {(number + 999) // 1000}{era}"
    return f"{number}{era}"
