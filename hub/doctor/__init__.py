"""``hub doctor``: looks at a hub from outside, as Claude does, and says what stands in Claude's way and how to mend it.

Pure of the hub's own data: everything is learnt over the network, by the probe. Not the trace of what clients did
(``hub/identity/oauth/trace.py``), and not a test of the hub itself.
"""

from hub.doctor.doctor import Doctor
from hub.doctor.findings import Finding, Report, Status

__all__ = ["Doctor", "Finding", "Report", "Status"]
