"""The tools and resources in the words of the protocol, over standard input and output or over HTTP."""

import importlib.metadata
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import anyio
import mcp_types as types
from anyio import CapacityLimiter, to_thread
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from app.client import Client, ClientError
from app.mcp import resources
from app.mcp.tools import TOOLS
from app.which_book import BookNameError, UnknownBookError

T = TypeVar("T")
_INSTRUCTIONS = (
    "A library of books. Answer what is asked about them with the tool ask, and give its citations; look for "
    "passages yourself with search_passages and read_passage. What these books do not tell, say so."
)
_READS = types.ToolAnnotations(read_only_hint=True, open_world_hint=False)
_TOOLS = [
    types.Tool(
        name=each.name,
        title=each.title,
        description=each.description,
        input_schema=each.arguments.model_json_schema(),
        output_schema=each.result.model_json_schema(mode="serialization"),
        annotations=_READS,
    )
    for each in TOOLS
]
_TEMPLATES = [
    types.ResourceTemplate(
        uri_template=resources.BOOK,
        name="book",
        title="A book",
        description="What a book is, and the addresses of its chapters.",
        mime_type=resources.BOOK_TYPE,
    ),
    types.ResourceTemplate(
        uri_template=resources.CHAPTER,
        name="chapter",
        title="A chapter",
        description="The text of a chapter; chapters count from 0.",
        mime_type=resources.CHAPTER_TYPE,
    ),
]

_Context = ServerRequestContext[Any]
_PageWish = types.PaginatedRequestParams | None


def serve_stdio(client: Client) -> None:
    """Answer an assistant over standard input and output, by this client, until the input ends."""

    async def serve() -> None:
        server = _server(client, CapacityLimiter(8))
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())

    anyio.run(serve)


async def serve_http(
    client: Client, threads: CapacityLimiter, scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer one HTTP request, by this client on one of these threads; no state is kept between requests."""
    # One for each request: it needs no task that lives as long as the service.
    manager = StreamableHTTPSessionManager(_server(client, threads), json_response=True, stateless=True)
    async with manager.run():
        await manager.handle_request(scope, receive, send)


def _server(client: Client, threads: CapacityLimiter) -> Server[Any]:
    """A server whose tools and resources call the service by this client, on one of these threads."""

    async def run(work: Callable[[], T]) -> T:
        return await to_thread.run_sync(work, limiter=threads, abandon_on_cancel=True)

    async def list_tools(_: _Context, __: _PageWish) -> types.ListToolsResult:
        return types.ListToolsResult(tools=_TOOLS)

    async def call_tool(_: _Context, call: types.CallToolRequestParams) -> types.CallToolResult:
        tool = next((each for each in TOOLS if each.name == call.name), None)
        if tool is None:
            names = ", ".join(each.name for each in TOOLS)
            raise MCPError(types.INVALID_PARAMS, f"There is no tool {call.name!r}: there are {names}.")
        try:
            given = tool.arguments.model_validate(call.arguments or {})
            result = await run(partial(tool.work, client, given))
        except ValidationError as error:
            return _failed("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()))
        except UnknownBookError as error:
            return _failed(f"{error} The tool list_books has them all.")
        except (ClientError, BookNameError) as error:
            return _failed(str(error))
        return types.CallToolResult(
            content=[types.TextContent(text=result.words())],
            structured_content=result.model_dump(mode="json"),
        )

    async def list_resources(_: _Context, __: _PageWish) -> types.ListResourcesResult:
        try:
            books = await run(client.books)
        except ClientError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error)) from error
        shown = [
            types.Resource(
                uri=resources.book_uri(book),
                name=book.id,
                title=book.title,
                description=f"by {book.author}" if book.author else None,
                mime_type=resources.BOOK_TYPE,
            )
            for book in books
        ]
        return types.ListResourcesResult(resources=shown)

    async def list_templates(_: _Context, __: _PageWish) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=_TEMPLATES)

    async def read_resource(_: _Context, wish: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        try:
            kind, text = await run(partial(resources.read, client, wish.uri))
        except resources.UnknownResourceError as error:
            raise MCPError(types.INVALID_PARAMS, str(error), {"uri": wish.uri}) from error
        except ClientError as error:
            raise MCPError(types.INTERNAL_ERROR, str(error), {"uri": wish.uri}) from error
        content = types.TextResourceContents(uri=wish.uri, mime_type=kind, text=text)
        return types.ReadResourceResult(contents=[content])

    return Server(
        "bookchorus",
        title="Bookchorus",
        version=importlib.metadata.version("bookchorus"),
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )


def _failed(why: str) -> types.CallToolResult:
    """What an LLM reads and can do better about."""
    return types.CallToolResult(content=[types.TextContent(text=why)], is_error=True)
