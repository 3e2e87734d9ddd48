"""What the command line shows of API keys."""

import time
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from app.schemas import Key
from app.terminal.theme import BAD, GAIN, LABEL, day, ruled_table, size, titled


def keys_table(keys: Sequence[Key]) -> RenderableType:
    """Show whose keys there are, what each may do, and whether it is in force."""
    table = ruled_table()
    table.add_column("key", ratio=1, overflow="fold")
    table.add_column("role", no_wrap=True)
    table.add_column("library", overflow="fold")
    table.add_column("limits", no_wrap=True)
    table.add_column("", no_wrap=True)
    for key in keys:
        table.add_row(
            titled(key.name, key.id), key.role, titled(key.owner), Text("\n").join(_limits(key)), _state(key)
        )
    return table


def _limits(key: Key) -> list[Text]:
    told = [
        key.requests_per_minute and f"{key.requests_per_minute:,} a minute",
        key.most_books and f"{key.most_books:,} books",
        key.most_bytes and size(key.most_bytes),
        key.most_training_tokens and f"{key.training_tokens:,} of {key.most_training_tokens:,} tokens",
    ]
    return [Text(each, LABEL) for each in told if each]


def _state(key: Key) -> Text:
    if key.revoked_at is not None:
        return Text(f"● revoked {day(key.revoked_at)}", BAD)
    if key.expires_at is None:
        return Text("● in force", GAIN)
    if key.expires_at <= time.time():
        return Text(f"● expired {day(key.expires_at)}", BAD)
    return Text(f"● until {day(key.expires_at)}", GAIN)
