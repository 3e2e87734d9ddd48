"""Which requests come from this machine and of its user's own will, while there is no key to say so.

A web page elsewhere can have the browser of somebody here send requests: by a form, by a script, or through a
name that it points to this machine (DNS rebinding). Browsers say so in Host, Origin and Sec-Fetch-Site.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import Scope

from app.http.problems import Problem
from app.settings import is_loopback

_OWN_SITE = ("same-origin", "none")
_READS = ("GET", "HEAD")


def refuse_foreign(scope: Scope, origins: Collection[str]) -> None:
    """Raise Problem foreign-origin unless a request comes from here; pages of these origins may call too.

    Where there are such origins, a page of another may ask to read, as by CORS: no browser lets it see the
    answer. With "*" among them any browser would.
    """
    headers = Headers(scope=scope)
    client = scope.get("client")
    if client is not None and not is_loopback(client[0]):
        raise _foreign("it comes from another machine")
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not is_loopback(_name(hosts[0])):
        raise _foreign(f"it is for the host {', '.join(hosts) or 'of no name'}")
    told = headers.getlist("origin")
    own = {f"http://{hosts[0]}".lower(), f"https://{hosts[0]}".lower()}
    only_reads = bool(origins) and "*" not in origins and scope["method"] in _READS
    for origin in told:
        if origin not in origins and origin.lower() not in own and not only_reads:
            raise _foreign(f"a page of {origin} sends it")
    sites = headers.getlist("sec-fetch-site")
    if not told and any(site not in _OWN_SITE for site in sites) and not _is_link(scope, headers):
        raise _foreign("a page of another site sends it")


def _name(host: str) -> str:
    """The name or address in a Host header, without the port."""
    if host.startswith("["):
        return host.partition("]")[0][1:].lower()
    return host.partition(":")[0].lower()


def _is_link(scope: Scope, headers: Headers) -> bool:
    """Whether somebody follows a link: they see what comes, and the page that they left does not."""
    mode, target = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return scope["method"] == "GET" and (mode, target) == ("navigate", "document")


def _foreign(why: str) -> Problem:
    return Problem(
        403,
        "foreign-origin",
        f"Without a key the service answers this machine alone, and this request is not from here: {why}. "
        "Make a key with 'bookchorus keys add', or name the page's origin in BOOKCHORUS_CORS_ORIGINS.",
    )
