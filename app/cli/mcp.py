"""The command by which assistants ask a running service."""

import sys

import typer

from app.cli.options import DEFAULT_URL, Key, Url, connect

app = typer.Typer()


@app.command("mcp")
def serve_mcp(url: Url = DEFAULT_URL, key: Key = None) -> None:
    """Let an assistant ask the books of a running service, by MCP on standard input and output."""
    with connect(url, key) as client:
        from app.mcp.server import serve_stdio

        if sys.stdin.isatty():
            typer.echo("An assistant starts this command, and speaks MCP to it. Ctrl-C ends it.", err=True)
        serve_stdio(client)
