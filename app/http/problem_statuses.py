"""The statuses of problems that each route answers with, in the description of the API (OpenAPI)."""

from collections.abc import Iterator
from typing import Any

from app.http import roles

_Table = dict[int, tuple[str, ...]]

_KEYS: _Table = {
    401: ("key-missing", "key-wrong", "key-revoked", "key-expired"),
    403: ("role-too-low", "foreign-origin"),
    429: ("rate-exceeded",),
}
_STORE: _Table = {
    503: ("store-busy", "store-unreachable", "store-damaged", "bucket-unreachable", "shutting-down")
}
_BODY: _Table = {413: ("book-too-large",)}
_FULL: _Table = {507: ("disk-full",)}
_INVALID: _Table = {422: ("invalid-request",)}
_MISSING: _Table = {404: ("not-found",)}
_BOOK: _Table = {
    403: ("quota-reached",),
    415: ("unsupported-media-type",),
    422: (
        *("invalid-form", "file-missing", "invalid-recipe", "invalid-tags", "book-empty", "no-text"),
        *("unreadable-text", "unreadable-book", "bad-archive", "archive-too-large", "password-protected"),
        *("parse-timeout", "book-too-large"),
    ),
    503: ("queue-full",),
}
_ANSWER: _Table = {
    404: ("no-book-fits",),
    409: ("no-books", "book-not-ready", "version-pruned"),
    422: ("question-empty", "question-too-long"),
    503: ("asks-full", "artifact-damaged", "out-of-memory", "engine-unreachable"),
}
_ALIAS: _Table = {422: ("invalid-alias",)}
# What a route answers with besides what many do.
OWN: dict[str, _Table] = {
    "POST /books": _BOOK,
    "POST /books/{book_id}/revisions": {**_BOOK, 409: ("book-exists",)},
    "PATCH /books/{book_id}": {422: ("invalid-tags",)},
    "POST /books/{book_id}/versions": {
        403: ("quota-reached",),
        422: (
            *("invalid-recipe", "no-such-parent", "parent-pruned", "parent-damaged"),
            "parent-of-other-model",
        ),
        503: ("queue-full",),
    },
    "PATCH /books/{book_id}/questions": {
        409: ("question-exists", "question-of-old-revision"),
        422: (
            *("question-empty", "question-too-long", "answer-empty", "answer-too-long"),
            *("answer-not-in-book", "passage-not-learned"),
        ),
    },
    "POST /ask": {**_ANSWER, 409: (*_ANSWER[409], "thread-full", "too-many-threads"), **_FULL},
    "GET /passages": {422: ("question-empty", "question-too-long")},
    "POST /threads": {409: ("too-many-threads",)},
    "POST /v1/chat/completions": {**_ANSWER, 422: (*_ANSWER[422], "question-missing")},
    "POST /admin/books/{book_id}/compare": {**_ANSWER, 404: ()},
    "PUT /admin/books/{book_id}/aliases/{alias}": {
        **_ALIAS,
        409: ("worse-than-champion", "version-pruned"),
    },
    "POST /admin/books/{book_id}/aliases/{alias}/rollback": {**_ALIAS, 409: ("nothing-to-roll-back-to",)},
    "DELETE /admin/books/{book_id}/versions/{ref}": {409: ("version-in-use", "version-pruned")},
    "GET /admin/books/{book_id}/versions/{ref}/export": {
        409: ("version-pruned", "version-of-other-model"),
        503: ("artifact-damaged", "out-of-memory", "engine-unreachable"),
    },
    "GET /admin/books/{book_id}/versions/{ref}/inspect": {
        409: ("version-pruned", "version-of-other-model"),
        503: ("artifact-damaged", "out-of-memory", "engine-unreachable"),
    },
    "POST /admin/books/{book_id}/versions/import": {
        413: ("archive-too-large",),
        422: (
            *("bad-archive", "archive-too-large", "no-adapter", "bad-adapter", "bad-manifest"),
            "several-exports",
            *("pickled-adapter", "adapter-unsupported", "other-llm"),
        ),
        503: ("engine-unreachable",),
    },
}
_SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


def describe(document: dict[str, Any]) -> dict[str, Any]:
    """Add to each operation of a description the problems that it can answer with, by their statuses.

    FastAPI has noted a key for all of them, which goes where none is needed, and null among the values of
    parameters, which none can have in an address or a header.
    """
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            # FastAPI's own shape of it, which nobody gets.
            operation["responses"].pop("422", None)
            if roles.needed(method.upper(), path) is None:
                operation.pop("security", None)
            for parameter in operation.get("parameters", []):
                parameter["schema"] = _sent(parameter["schema"])
            for status, slugs in problems(method.upper(), path, operation).items():
                operation["responses"][str(status)] = _response(path, slugs)
    return document


def _sent(schema: dict[str, Any]) -> dict[str, Any]:
    kinds = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}


def problems(method: str, path: str, operation: dict[str, Any]) -> dict[int, list[str]]:
    """The names of the problems of an operation, by status."""
    found: dict[int, list[str]] = {}
    for table in _tables(method, path, operation):
        for status, slugs in table.items():
            # Clients of OpenAI's API know 400 where ours says 422.
            shown = 400 if status == 422 and path.startswith("/v1/") else status
            found.setdefault(shown, []).extend(slug for slug in slugs if slug not in found.get(shown, []))
    return {status: slugs for status, slugs in sorted(found.items()) if slugs}


def _tables(method: str, path: str, operation: dict[str, Any]) -> Iterator[_Table]:
    if roles.needed(method, path) is not None:
        yield _KEYS
        yield _BODY if not path.endswith("/versions/import") else {}
    yield _STORE
    names = {each["name"] for each in operation.get("parameters", [])}
    asked = path in ("/ask", "/passages", "/v1/chat/completions")
    if asked or names & {"book_id", "job_id", "passage_id", "model_id", "key_id", "thread_id", "after"}:
        yield _MISSING
    if names or "requestBody" in operation:
        yield _INVALID
    if roles.changes(method, path):
        yield _FULL
    yield OWN.get(f"{method} {path}", {})


def _response(path: str, slugs: list[str]) -> dict[str, Any]:
    told = ", ".join(f"`{slug}`" for slug in slugs)
    if path.startswith("/v1/"):
        return {"description": told, "content": {"application/json": {"schema": {"type": "object"}}}}
    types = [f"/problems/{slug}" for slug in slugs]
    schema = {**_SCHEMA, "properties": {**_SCHEMA["properties"], "type": {"enum": types}}}  # type: ignore[dict-item]
    return {"description": told, "content": {"application/problem+json": {"schema": schema}}}
