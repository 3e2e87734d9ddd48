import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from app.datasets.loading import load_dataset
from app.datasets.questions import (
    DataError,
    Dataset,
    LabelledQuestion,
    Story,
    by_origin,
    sampled,
)
from app.skill_training.examples import digest

STORY = [["section", "text"], ["1", "The heron slept."], ["2", "The eel, meanwhile,\nstole the lamp."]]
ASKED = [
    ["question", "cor_section", "answer1", "answer4", "answer5"],
    ["Who slept?", "1", "The heron.", " the heron ", ""],
    ["What was\nstolen?", "2,1", "The lamp.", "", "The lamp."],
]


def write(file: Path, rows: Sequence[Sequence[str]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="") as lines:
        csv.writer(lines).writerows(rows)


@pytest.fixture
def split(tmp_path: Path) -> Path:
    for name in ("heron", "eel", "owl"):
        write(tmp_path / f"val/stories/{name}-story.csv", STORY)
        write(tmp_path / f"val/questions/{name}-questions.csv", ASKED)
    write(tmp_path / "story_meta.csv", [["filename", "origin"], ["eel", "marsh"], ["owl", "marsh"]])
    return tmp_path / "val"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    (tmp_path / "heron.txt").write_text("CHAPTER 1\n\nThe heron slept.\n\nCHAPTER 2\n\nThe eel did not.\n")
    (tmp_path / "eel.txt").write_text("word " * 450)
    asked = [
        {"book": "./heron.txt", "question": "Who slept?", "answers": ["the heron"], "choices": ["a", "b"]},
        {"book": "eel.txt", "question": "What?", "answers": ["word", "word "], "topic": "unused"},
        {"book": "heron.txt", "question": "Who did not?", "answers": ["the eel"]},
    ]
    file = tmp_path / "asked.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in asked) + "\n")
    return file


def test_a_split_is_read_in_the_order_of_names(split: Path) -> None:
    found = load_dataset(split)
    assert [(story.name, story.origin) for story in found.stories] == [
        ("eel", "marsh"),
        ("heron", None),
        ("owl", "marsh"),
    ]
    assert found.stories[0].sections == ["The heron slept.", "The eel, meanwhile,\nstole the lamp."]
    assert found.questions[:2] == [
        LabelledQuestion("eel", 1, "Who slept?", ["The heron.", "the heron"], [0], []),
        LabelledQuestion("eel", 2, "What was\nstolen?", ["The lamp."], [0, 1], []),
    ]


def test_the_first_stories_are_enough(split: Path) -> None:
    found = load_dataset(split, stories=1)
    assert [story.name for story in found.stories] == ["eel"]
    assert {question.story for question in found.questions} == {"eel"}
    with pytest.raises(ValueError, match="At least one"):
        load_dataset(split, stories=0)


def test_a_section_number_used_twice_is_gold_twice(split: Path) -> None:
    write(split / "stories/eel-story.csv", [*STORY, ["2", "And hid it."]])
    assert load_dataset(split).questions[1].gold == [0, 1, 2]


def test_a_question_has_its_kind_where_it_is_marked(split: Path) -> None:
    plain = load_dataset(split)
    assert {question.kind for question in plain.questions} == {None}
    kinds = ["attribute1", "character", ""]
    write(
        split / "questions" / "eel-questions.csv",
        [[*row, kind] for row, kind in zip(ASKED, kinds, strict=True)],
    )
    marked = load_dataset(split)
    assert [question.kind for question in marked.questions if question.story == "eel"] == ["character", None]
    # What was learned from these stories and questions goes on, whether they are marked or not.
    assert digest(marked) == digest(plain)


def test_jsonl_books_are_cut_into_passages(lines: Path) -> None:
    found = load_dataset(lines)
    eel, heron = found.stories
    assert heron == Story("heron.txt", ["The heron slept.", "The eel did not."], None)
    assert [len(section.split()) for section in eel.sections] == [200, 200, 50]
    assert found.questions == [
        LabelledQuestion("eel.txt", 1, "What?", ["word"], [], []),
        LabelledQuestion("heron.txt", 1, "Who slept?", ["the heron"], [], ["a", "b"]),
        LabelledQuestion("heron.txt", 2, "Who did not?", ["the eel"], [], []),
    ]
    assert [story.name for story in load_dataset(lines, stories=1).stories] == ["eel.txt"]
    assert len(load_dataset(lines, count_tokens=len).stories[0].sections) > len(eel.sections)


@pytest.mark.parametrize(
    ("file", "rows", "why"),
    [
        ("questions/eel-questions.csv", [ASKED[0], ["Who?", "1", "", "", ""]], "line 2: the answer is empty"),
        ("questions/eel-questions.csv", [*ASKED, ["Who?", "7", "x"]], "line 5: the story has no section '7'"),
        (
            "questions/eel-questions.csv",
            [["question", "cor_section"]],
            "line 1: the column answer1 is missing",
        ),
        ("questions/fox-questions.csv", ASKED, "fox has no story"),
        ("stories/fox-story.csv", STORY, "fox has no questions"),
        ("stories/eel-story.csv", [STORY[0]], "the story is empty"),
        ("stories/eel-story.csv", [], "line 1: the column section is missing"),
    ],
)
def test_a_broken_split_is_told_in_one_line(split: Path, file: str, rows: list[list[str]], why: str) -> None:
    write(split / file, rows)
    with pytest.raises(DataError, match=why) as refusal:
        load_dataset(split)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "Invalid JSON"),
        ('{"book": "eel.txt", "question": "Who?"}', "answers: Field required"),
        ('{"book": "eel.txt", "question": "Who?", "answers": [" "]}', "is empty"),
        ('{"book": "fox.txt", "question": "Who?", "answers": ["x"]}', "fox.txt cannot be read"),
    ],
)
def test_a_broken_jsonl_is_told_in_one_line(lines: Path, line: str, why: str) -> None:
    lines.write_text(lines.read_text() + line + "\n")
    with pytest.raises(DataError, match=rf"asked.jsonl, line 4: .*{why}") as refusal:
        load_dataset(lines)
    assert "\n" not in str(refusal.value)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(DataError, match="folder stories is missing"):
        load_dataset(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="no questions"):
        load_dataset(tmp_path / "empty.jsonl")


def test_text_that_is_not_utf8(split: Path, lines: Path) -> None:
    (split / "stories/eel-story.csv").write_bytes(b"section,text\n1,caf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8"):
        load_dataset(split)
    (lines.parent / "eel.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"line 2: .*not UTF-8"):
        load_dataset(lines)


def test_stories_of_one_origin_are_one_book(split: Path) -> None:
    joined = by_origin(load_dataset(split))
    assert [(story.name, len(story.sections)) for story in joined.stories] == [("heron", 2), ("marsh", 4)]
    marsh = [question for question in joined.questions if question.story == "marsh"]
    assert [(question.number, question.gold) for question in marsh] == [
        (1, [0]),
        (2, [0, 1]),
        (3, [2]),
        (4, [2, 3]),
    ]


def test_a_sample_is_spread_over_each_story() -> None:
    stories = [Story(name, ["text"], None) for name in ("eel", "owl")]
    asked = [LabelledQuestion("eel", number, "?", ["x"], [], []) for number in range(1, 101)]
    few = [LabelledQuestion("owl", 1, "?", ["x"], [], [])]
    whole = Dataset(stories, asked + few)
    kept = sampled(whole, 4)
    numbers = [question.number for question in kept.questions if question.story == "eel"]
    assert [(number - 1) // 25 for number in numbers] == [0, 1, 2, 3]
    assert kept.questions[4:] == few
    assert sampled(whole, 4) == kept
    assert any(sampled(whole, 4, seed) != kept for seed in range(1, 5))
    assert sampled(whole, None) == whole
    with pytest.raises(ValueError, match="At least one"):
        sampled(whole, 0)
