"""A book on its way to the service: the body of an upload, a form or JSON."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from app.client.connection import ClientError, Connection, as_json, valid_request
from app.schemas import AddedBook, JsonBook


def upload(
    connection: Connection,
    url: str,
    source: Path | str,
    about: Mapping[str, str | None],
    tags: Sequence[str],
    recipe: dict[str, Any] | None,
) -> AddedBook:
    """Send a file, or a text that has a title; `about` may have a title, an author and a language.

    Raises ClientError as `Client` does.
    """
    if isinstance(source, str):
        if about["title"] is None:
            raise ClientError("A book given as text needs a title.")
        with valid_request():
            request = JsonBook.model_validate(
                {**about, "text": source, "tags": list(tags) or None, "recipe": recipe}
            )
        return connection.call(AddedBook, "POST", url, json=as_json(request))
    form = {
        **about,
        "tags": ",".join(tags) or None,
        "recipe": None if recipe is None else json.dumps(recipe),
    }
    form = {name: value for name, value in form.items() if value is not None}
    # A name that is no UTF-8 can be opened but not sent.
    name = os.fsencode(source.name).decode(errors="replace")
    try:
        with source.open("rb") as file:
            return connection.call(AddedBook, "POST", url, data=form, files={"file": (name, file)})
    except OSError as error:
        raise ClientError(f"Cannot read {source}: {error.strerror}.") from error
