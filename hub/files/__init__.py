"""Files: what people hand to tools and get of them, sealed, kept for an hour, each its owner's alone.

Not a disk: a file is a value on its way from one call, page or program to the next.
"""

from hub.files.files import Files, Limits
from hub.files.kept import Kept, id_in

__all__ = ["Files", "Kept", "Limits", "id_in"]
