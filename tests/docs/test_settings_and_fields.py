"""The tables of settings, of a recipe, of an ask and of an answer, against the code."""

import re

from tests.docs.command_line import commands
from tests.docs.pages import everything, first_cells, table


def variables(text: str) -> set[str]:
    return set(re.findall(r"\bBOOKCHORUS_[A-Z_]+\b", text))


def settings() -> set[str]:
    from app.settings import Settings

    return {f"BOOKCHORUS_{name.upper()}" for name in Settings.model_fields}


def test_the_table_of_settings_is_that_of_the_code() -> None:
    named = first_cells("docs/settings.md", "variable | default")
    rows = [name for name in named if name.startswith("BOOKCHORUS_")]
    assert len(rows) == len(set(rows))
    assert set(rows) == settings()


def test_the_defaults_of_settings_are_those_of_the_code() -> None:
    from app.settings import Settings

    rows = re.findall(
        r"^\| `BOOKCHORUS_(\w+)` \| `(.+?)` \|", table("docs/settings.md", "variable | default"), re.MULTILINE
    )
    assert rows
    for name, default in rows:
        known = Settings.model_fields[name.lower()].default
        # A variable says true where Python says True.
        assert (str(known).lower() if isinstance(known, bool) else str(known)) == default, name


def test_every_variable_named_is_a_setting_or_read_by_a_client_command() -> None:
    read: set[str] = set()
    for command in commands().values():
        for parameter in command.params:
            names = parameter.envvar or []
            read |= {names} if isinstance(names, str) else set(names)
    assert variables(everything()) <= settings() | read


def test_every_field_of_an_ask_is_in_its_table() -> None:
    from app.schemas import AskRequest

    named = first_cells("docs/http-api.md", "field of an ask")
    assert sorted(named) == sorted(AskRequest.model_fields)


def test_every_field_of_an_answer_is_in_its_table() -> None:
    from app.schemas import Answer

    named = first_cells("docs/http-api.md", "field of an answer")
    assert sorted(named) == sorted(Answer.model_fields)


def test_the_table_of_a_recipe_is_that_of_the_code() -> None:
    from trainer.recipe import Recipe

    rows = re.findall(r"^\| `(\w+)` \| (.+?) \|", table("docs/recipes.md", "recipe field"), re.MULTILINE)
    defaults = {name: field.default for name, field in Recipe.model_fields.items()}
    assert len(rows) == len(dict(rows))
    assert dict(rows) == {name: "none" if it is None else f"`{it}`" for name, it in defaults.items()}


def test_the_table_of_a_skill_recipe_is_that_of_the_code() -> None:
    from trainer.skill.recipe import SkillRecipe, skill_recipe

    text = table("docs/recipes.md", "skill recipe field")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*?) ?\|", text, re.MULTILINE)
    # The method is an option of the command.
    assert sorted(name for name, *_ in rows) == sorted(SkillRecipe.model_fields.keys() - {"method"})
    usual, lora = skill_recipe("prefix", {}), skill_recipe("lora", {})
    for name, default, of_lora in rows:
        if name != "starts":
            known, other = getattr(usual, name), getattr(lora, name)
            assert (default, of_lora) == (f"`{known}`", "" if other == known else f"`{other}`"), name
