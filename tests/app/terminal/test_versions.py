import pytest

from app.terminal.versions import moves_table, version_panel, versions_table
from tests.app.client.version_examples import measured, moves, prompt
from tests.app.terminal.rendering import line_with, shown


def test_versions_are_listed_with_all_that_tells_versions_apart() -> None:
    continued = prompt(2).model_copy(update={"parent": 1, "aliases": ["latest"]})
    text = shown(versions_table([continued, prompt(1)]))
    assert "1 → 2" in text
    assert "lora" not in text
    other = prompt(3).model_copy(update={"recipe": {"method": "lora"}})
    assert "lora" in shown(versions_table([other]))
    for words in ("The Tiger", "tiny-llm · int8 weights", "4.10 → 3.05", "champion", "2.0 MB"):
        assert words in text


def test_versions_without_losses_are_not_measured() -> None:
    version = prompt()
    members = [
        member.model_copy(update={"loss_before": None, "loss_after": None}) for member in version.members
    ]
    assert "not measured" in shown(versions_table([version.model_copy(update={"members": members})]))


def test_what_is_amiss_with_a_version_is_shown() -> None:
    worst = measured().model_copy(
        update={"state": "pruned", "pruned": True, "refused": "learned on another LLM"}
    )
    text = shown(version_panel(worst))
    assert "● pruned" in text
    assert "learned on another LLM" in line_with(text, "refused")
    damaged = [member.model_copy(update={"damaged": True, "curve": None}) for member in prompt().members]
    text = shown(version_panel(prompt().model_copy(update={"members": damaged, "aliases": []})))
    assert text.count("damaged") == 2


def test_empty_lists_say_what_is_missing() -> None:
    assert "bookchorus add FILE" in shown(versions_table([]))
    assert "No alias was moved" in shown(moves_table([]))


@pytest.mark.parametrize(
    ("who", "said"),
    [
        ("worker_f62ea3cd", "the service"),
        ("worker", "the service"),
        ("admin", "admin"),
        ("worker_bee", "worker_bee"),
    ],
)
@pytest.mark.parametrize("width", [80, 110])
def test_a_move_is_by_a_person_or_by_the_service(who: str, said: str, width: int) -> None:
    [move, *_] = moves()
    text = shown(moves_table([move.model_copy(update={"who": who})]), width)
    cells = line_with(text, "champion").split()
    assert " ".join(cells[6:]) == said
