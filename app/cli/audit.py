"""The command that shows the audit log, with a service's settings."""

from contextlib import closing
from typing import Annotated

import typer

from app.cli.options import DataDir, one_line_store_errors, settings_with
from app.cli.output import Json, Output

app = typer.Typer()


@app.command("audit")
def show_audit(
    who: Annotated[str | None, typer.Option(help="Only what one of this name did.")] = None,
    key_id: Annotated[str | None, typer.Option(help="Only what was done with the key of this id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Lines to show, the newest.")] = 50,
    as_json: Json = False,
    data_dir: DataDir = None,
) -> None:
    """Show who changed what, and read what is the administrator's, newest first."""
    with one_line_store_errors(as_json):
        from app import schemas
        from app.resources.database import open_database
        from app.terminal.audit import audit_table
        from store import audit

        with closing(open_database(settings_with(data_dir=data_dir))) as database, database.read() as session:
            rows, has_more = audit.list_lines(session, who=who, key=key_id, limit=limit)
            found = [schemas.AuditLine.model_validate(row) for row in rows]
        Output(as_json).show_list(found, audit_table(found), has_more=has_more)
