"""The role that a call needs, by its method and path. What is not named here needs more rather than less."""

from store.tables import Role

RANKS: tuple[Role, ...] = ("reader", "writer", "admin")
# They say nothing about books, and are asked by programs that have no key.
HEALTH = ("/livez", "/readyz")
# The page that describes the API.
REFERENCE = "/docs"
_OPEN = (*HEALTH, "/", REFERENCE, "/openapi.json")
# The files of that page, and of the web page, which asks for a key itself.
_FILES = (f"{REFERENCE}/", "/page/")
# They change nothing, though they are sent with POST.
_QUESTIONS = ("/ask", "/mcp", "/v1/chat/completions")
# What readers keep of their own asking.
_THREADS = "/threads"
_SAFE = ("GET", "HEAD", "OPTIONS")


def needed(method: str, path: str) -> Role | None:
    """The least role that may make a call; None where no key is needed."""
    if (path in _OPEN or path.startswith(_FILES)) and method in _SAFE:
        return None
    if path == "/admin" or path.startswith("/admin/"):
        # The versions of one's own books are one's own; the service as a whole is the administrator's.
        own = path.startswith("/admin/books/") or (method in _SAFE and path == "/admin/prompts")
        return "writer" if own else "admin"
    own = path in (*_QUESTIONS, _THREADS) or path.startswith(f"{_THREADS}/")
    return "reader" if method in _SAFE or own else "writer"


def changes(method: str, path: str) -> bool:
    """Whether a call may change something."""
    return method not in _SAFE and path not in _QUESTIONS


def suffices(role: Role, least: Role) -> bool:
    """Whether a role may do what needs `least`."""
    return RANKS.index(role) >= RANKS.index(least)
