"""A command that is given more words than it takes, such as a question without quotes."""

from typing import Any

from typer.core import TyperArgument, TyperCommand


class CountedWords(TyperCommand):
    """A command that says of words too many how a title or a question of several is typed."""

    # Else they are refused before they can be looked at.
    allow_extra_args = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the words; those too many end the command with status 2."""
        super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            ctx.fail(self._too_many(ctx.args, ctx.params))
        return []

    def _too_many(self, extra: list[str], given: dict[str, Any]) -> str:
        named = [each for each in self.params if isinstance(each, TyperArgument)]
        from app.terminal.theme import plain

        said = f"Too many words: {plain(' '.join(extra)).plain}."
        if not named:
            return f"{said} This command takes options only."
        # Of a command with one word, it is known what was meant.
        first = given.get(str(named[0].name)) if len(named) == 1 else None
        whole = " ".join([first, *extra]) if isinstance(first, str) else "The Lamp of Ost"
        return f'{said} Put several words that are one in quotes, such as "{plain(whole).plain}".'
