"""The registry's room: finds, loads, isolates and reloads the connectors (docs/architecture.md, floor 3).

    registry = Registry(places_of(config.connectors, config.data_dir), clock=clock)
    await registry.load()
    registry.catalog.tools["zendesk_search_tickets"]

Not what a connector is (``hub.sdk``), and not who may call what (the gateway).
"""

from hub.registry.catalog import Catalog, Loaded, State, to_json
from hub.registry.configured import configured_content
from hub.registry.entries import Entry, Listing, Offer, PromptEntry, ResourceEntry, TemplateEntry
from hub.registry.places import Place, places_of
from hub.registry.registry import Registry
from hub.registry.shelf import Shelf

__all__ = [
    "Catalog",
    "Entry",
    "Listing",
    "Loaded",
    "Offer",
    "Place",
    "PromptEntry",
    "Registry",
    "ResourceEntry",
    "Shelf",
    "State",
    "TemplateEntry",
    "configured_content",
    "places_of",
    "to_json",
]
