"""The way to the hub: its URL, name, addresses, port and certificate. Steps ``url``, ``dns``, ``port`` and ``tls``."""

from datetime import timedelta

from hub.clock import Clock
from hub.doctor.case import Case
from hub.doctor.findings import Finding, ok, skipped, warning, wrong
from hub.doctor.reach import obstacles_of_addresses, obstacles_of_url
from hub.errors import HubError
from hub.upstream.errors import NotSent
from hub.upstream.probe import Certificate, NoWayThere

SOON = timedelta(days=10)
"""A certificate that ends sooner should have been renewed; of one with a short life, it is the last sixth."""


async def url(case: Case) -> list[Finding]:
    """The URL by itself."""
    found = [wrong("url", f"{case.origin}: {one.text}.", one.mend) for one in obstacles_of_url(case.origin)]
    path = case.path
    if path != "/mcp" and not path.startswith("/mcp/"):
        mend = "Use the hub's address with /mcp, and have the proxy pass paths on unchanged."
        found.append(
            wrong("url", f"{case.url} does not end in /mcp; Claude fails at other paths after signing in.", mend)
        )
    return found or [ok("url", case.url)]


async def dns(case: Case) -> list[Finding]:
    """The name and its addresses."""
    host = case.probe.target.host
    try:
        addresses = await case.probe.addresses(host)
    except NotSent as lost:
        mend = (
            "Add an A record for it; a new record may take an hour to be seen. Look for a slip of the pen in the name."
        )
        return [wrong("dns", f"{host}: {lost.reason}.", mend)]
    case.addresses = addresses
    obstacles = obstacles_of_addresses(host, addresses)
    if obstacles:
        return [wrong("dns", f"{one.text}.", one.mend) for one in obstacles]
    return [ok("dns", f"{host} has {', '.join(addresses)}")]


async def port(case: Case) -> list[Finding]:
    """Whether somebody listens at each address."""
    target, found = case.probe.target, []
    try:
        addresses = await case.probe.judged(target.host, target.port)
    except (NotSent, HubError) as refused:
        return [wrong("port", f"{target.netloc}: {refused}.", "See the step before.")]
    mend = (
        f"Forward port {target.port} to the reverse proxy and open it in the firewall. Some providers block it "
        "at home; then use a tunnel. From inside the network the router may refuse its own public "
        "address: try from elsewhere."
    )
    case.addresses = []
    for address in addresses:
        try:
            reason = await case.probe.closed(address)
        except NoWayThere as unknown:
            found.append(skipped("port", f"{address} cannot be tried from here: {unknown.reason}"))
            continue
        if reason is None:
            case.addresses.append(address)
        elif ":" in address and any(":" not in one for one in addresses):
            # Claude comes over IPv4; others try this first and wait.
            text = f"nobody answers at {address} port {target.port}: {reason}."
            found.append(warning("port", text, f"{mend} Or take the AAAA record away."))
        else:
            found.append(wrong("port", f"nobody answers at {address} port {target.port}: {reason}.", mend))
    if case.addresses:
        found.append(ok("port", f"port {target.port} answers at {', '.join(case.addresses)}"))
    return found


async def tls(case: Case, clock: Clock) -> list[Finding]:
    """The certificate at each address."""
    if not case.origin.startswith("https:"):
        return [
            wrong("tls", "there is no TLS, as the URL is not https.", "Put a reverse proxy with TLS before the hub.")
        ]
    target, found = case.probe.target, []
    shown: Certificate | None = None
    for address in case.addresses:
        try:
            shown = await case.probe.certificate(address)
        except NotSent as lost:
            mend = "Have the reverse proxy speak TLS on this port; the hub's own port is plain HTTP."
            found.append(wrong("tls", f"at {address}: {lost.reason}.", mend))
            continue
        found += _judged(shown, target.host, address, clock)
    if found or shown is None:
        return found
    return [ok("tls", f"trusted, for {', '.join(shown.names)}, until {shown.expires:%Y-%m-%d}")]


def _judged(shown: Certificate, host: str, address: str, clock: Clock) -> list[Finding]:
    now = clock.now()
    if shown.expires <= now:
        mend = "Renew it, and look why the renewal did not happen by itself (port 80 or DNS for the challenge)."
        return [wrong("tls", f"the certificate at {address} expired on {shown.expires:%Y-%m-%d %H:%M} UTC.", mend)]
    if shown.begins > now:
        text = f"the certificate at {address} begins on {shown.begins:%Y-%m-%d %H:%M} UTC only."
        return [wrong("tls", text, "Set the clock of the machine that made it, or of this one.")]
    if shown.distrust is not None:
        if not _covers(shown.names, host):
            names = ", ".join(shown.names) or "no name at all"
            mend = f"Get one for {host}; the proxy may be showing its default site's."
            return [wrong("tls", f"the certificate at {address} is for {names}, not for {host}.", mend)]
        mend = (
            "Use a public authority (Let's Encrypt) and serve the whole chain, the intermediate certificate with it. "
            "Claude trusts no authority of your own."
        )
        return [
            wrong("tls", f"the certificate at {address} (from {shown.issuer}) is not trusted: {shown.distrust}.", mend)
        ]
    if shown.expires - now < min(SOON, (shown.expires - shown.begins) / 6):
        text = f"the certificate at {address} ends on {shown.expires:%Y-%m-%d}."
        return [warning("tls", text, "Look whether its renewal works.")]
    return []


def _covers(names: tuple[str, ...], host: str) -> bool:
    """Whether a certificate's names have this host (RFC 6125, section 6.4.3: a star stands for one label)."""
    plain = [name.lower() for name in names]
    return host in plain or f"*.{host.partition('.')[2]}" in plain
