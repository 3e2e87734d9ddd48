import pytest

from app.schemas import Skill
from app.terminal.skills import skills_report
from tests.app.terminal.rendering import line_with, shown

LEARNED = Skill(
    id="skill_1",
    llm="tiny-llm",
    revision="abc",
    number=1,
    origin="learned",
    method="prefix",
    sha256="0" * 64,
    bytes=2_000_000,
    stories=1208,
    questions=480,
    decline_below=0.118,
    in_package=False,
    champion=True,
    chosen_by="user",
    created_at=1_700_000_000,
)
SHIPPED = LEARNED.model_copy(
    update={
        "id": None,
        "number": None,
        "origin": "shipped",
        "method": "lora",
        "stories": None,
        "questions": None,
        "decline_below": None,
        "in_package": True,
        "champion": False,
        "chosen_by": None,
        "created_at": None,
    }
)


@pytest.mark.parametrize("width", [80, 100, 160])
def test_a_skill_is_shown_with_what_it_was_learned_from_and_who_chose_it(width: int) -> None:
    text = shown(skills_report([LEARNED]), width)
    line = line_with(text, "tiny-llm")
    for words in ("1 ", "prefix", "1,208 stories", "learned", "● champion"):
        assert words in line
    line = line_with(text, "abc")
    for words in ("2.0 MB", "480 questions", "2023-11-14", "user's"):
        assert words in line
    assert "declines < 0.12" in text


def test_a_shipped_skill_beside_the_user_s_choice_says_how_it_is_had() -> None:
    text = " ".join(shown(skills_report([LEARNED, SHIPPED]), 160).split())
    assert "A skill of tiny-llm comes with this package" in text
    assert "stories not known" in text
    registered = SHIPPED.model_copy(update={"number": 3})
    assert "Skill 3 of tiny-llm comes with" in shown(skills_report([LEARNED, registered]), 160)
    # The package's own choice needs no word, nor does another LLM's.
    for champion in (
        LEARNED.model_copy(update={"chosen_by": "package"}),
        LEARNED.model_copy(update={"llm": "other"}),
    ):
        assert "comes with" not in shown(skills_report([champion, SHIPPED]), 160)
