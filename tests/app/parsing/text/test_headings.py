import pytest

from app.parsing.text.headings import TextFormat, chapters
from store.segmentation import ChapterSpan


def _titles(text: str, form: TextFormat = "txt") -> list[str]:
    return [span.title for span in chapters(text, form)]


def _bodies(text: str, form: TextFormat = "txt") -> list[str]:
    return [text[span.start : span.end].strip() for span in chapters(text, form)]


def test_a_text_without_headings_is_one_chapter() -> None:
    text = "\n\nOnce upon a time.\n\nThe end.\n"
    assert chapters(text, "txt") == chapters(text, "md") == [ChapterSpan("", 0, len(text))]


@pytest.mark.parametrize(
    "heading",
    [
        "CHAPTER IV",
        "CHAPTER IV.",
        "Chapter 1. Title",
        "Chapter 12: The Wolf at the Door",
        "Chapter 1 The Boy",
        "CHAPTER THE FIRST",
        "Chapter Twenty-One",
        "    CHAPTER IX — What came of it",
        "Chapitre 3",
        "Kapitel 2",
        "Глава 5",
        "第十二章 狐狸",
        "PROLOGUE",
        "Letter 4",
        "ACT III",
        "Act the Second.",
        "THE THIRD ACT",
        "SCENE I. A quay.",
        "Act I. Scene IV. The tower by night.",
        "CANTO XII",
        "STAVE TWO",
        "Fit the Fifth",
        "Erster Akt",
        "Zweites Kapitel. Der Sturm",
        "ACTE PREMIER",
        "Scène 2",
        "Troisième partie",
        "Acto primero",
        "CANTO SECONDO",
        "Ato terceiro",
        "Tweede bedrijf",
        "Akt drugi",
        "ДЕЙСТВИЕ ПЕРВОЕ",
        "Глава вторая",
        "Vorwort",
        "Epílogo",
        "Предисловие",
        "ACT II, SCENE III",
        "SONNET XVIII",
        "CHAP. IX.",
        "CHAPTER SIXTY-ONE",
        "CHAPTER ONE HUNDRED AND TWO",
        "CHAPTER Ⅻ",
        "Dreizehntes Kapitel",
        "Der zweite Akt",
        "3. Kapitel",
        "Kapitel elf",
        "CHAPITRE Ier",
        "IIe acte",
        "Livre onzième",
        "JORNADA PRIMERA",
        "Capítulo veintiuno",
        "CANTO TRENTESIMOTERZO",
        "Capítulo dois",
        "Elfde hoofdstuk",
        "Rozdział dwunasty",
        "Глава двадцать первая",
        "Песнь одиннадцатая",
        "第三幕",
        "第２卷",
        "제3장",
        "INTERLUDE",
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_heading_lines(heading: str, newline: str) -> None:
    text = f"Before.{newline}{newline}{heading}{newline}{newline}After."
    assert _titles(text) == ["", heading.strip()]
    assert _bodies(text) == ["Before.", "After."]


@pytest.mark.parametrize(
    "line",
    [
        "Chapter 1 was the hardest of all.",
        "First act of the night was his.",
        "The second letter lay on the table.",
        "Act now!",
        "Fit as he was, he slept.",
        "Scene by scene the play went on.",
        "ORLA.",
        "Brief war der Sommer.",
        "Part one of the plan was ready,",
        "Chapters 1 to 3 are missing.",
        "Book I read yesterday was long.",
        "The chapter IV",
        "Chapter 1" + " and on" * 30,
        "# Not in plain text",
        "1. Book a table for two.",
        "I act.",
        "3 acts were played.",
        "Bellissimo libro.",
        "12 May 1890",
        "Le premier livre était perdu.",
        "第一回合开始了。",
        "- Chapter 4 was missing -",
    ],
)
def test_lines_that_are_prose(line: str) -> None:
    assert _titles(f"Before.\n\n{line}\n\nAfter.") == [""]


def test_a_heading_inside_a_paragraph_is_prose() -> None:
    assert _titles("He opened the book at\nCHAPTER IV\nand began to read.") == [""]


def test_a_title_under_its_number() -> None:
    text = "CHAPTER I.\nDown the Rabbit-Hole\n\n\nAlice was tired.\n\nCHAPTER II\n\nShe woke."
    assert _titles(text) == ["CHAPTER I. Down the Rabbit-Hole", "CHAPTER II"]
    assert _bodies(text) == ["Alice was tired.", "She woke."]


@pytest.mark.parametrize("below", ["", "\n\n", "\n\nCHAPTER II\n\nThe end."])
def test_a_single_line_under_a_heading_is_text(below: str) -> None:
    text = "CHAPTER I\nThey all died" + below
    assert (_titles(text)[0], _bodies(text)[0]) == ("CHAPTER I", "They all died")


def test_a_heading_under_a_heading_is_no_title() -> None:
    text = "BOOK ONE\nCHAPTER I\n\nOnce.\n\nCHAPTER II\n\nTwice."
    assert _titles(text) == ["CHAPTER I", "CHAPTER II"]


def test_a_table_of_contents_makes_no_chapters() -> None:
    listed = "CONTENTS\n\nCHAPTER I\nCHAPTER II\n\n"
    text = listed + "CHAPTER I\n\nOne.\n\nCHAPTER II\n\nTwo."
    assert list(zip(_titles(text), _bodies(text), strict=True)) == [
        ("", "CONTENTS"),
        ("CHAPTER I", "One."),
        ("CHAPTER II", "Two."),
    ]


@pytest.mark.parametrize("under", ["The Lamp", "The Lamp, and who lit it.", "The Lamp ..... 5"])
def test_a_table_of_contents_with_titles_makes_no_chapters(under: str) -> None:
    listed = f"CONTENTS\n\nCHAPTER I\n{under}\n\nCHAPTER II\n{under}\n\n"
    text = listed + "CHAPTER I\n\nOne.\n\nCHAPTER II\n\nTwo."
    assert (_titles(text), _bodies(text)[1:]) == (["", "CHAPTER I", "CHAPTER II"], ["One.", "Two."])


@pytest.mark.parametrize("framed", ["_CHAPTER I_", "*** CHAPTER I ***", "[CHAPTER I]", "- CHAPTER I -"])
def test_signs_around_a_heading_are_no_part_of_it(framed: str) -> None:
    assert _titles(f"Before.\n\n{framed}\n\nAfter.") == ["", "CHAPTER I"]


@pytest.mark.parametrize(
    "text",
    [
        "CHAPTER I\nShe lit it.\nShe slept.\nCHAPTER II\nHe took it.\n",
        "CHAPTER I\n\nShe lit it.\nShe slept.\n\fCHAPTER II\n\nHe took it.\n",
        "CHAPTER I\n\nShe lit it.\nShe slept.\f\nCHAPTER II\n\nHe took it.\n",
    ],
    ids=["no blank lines", "form feed before", "form feed behind"],
)
def test_a_heading_without_a_blank_line_above(text: str) -> None:
    assert _titles(text) == ["CHAPTER I", "CHAPTER II"]


@pytest.mark.parametrize(
    "headings", [["I", "II", "III"], ["I.", "II."], ["I. THE HARBOUR", "II. L'ÉTÉ", "III. THE KEY"]]
)
def test_numerals_alone_are_chapters(headings: list[str]) -> None:
    text = "".join(f"{heading}\n\nShe lit the lamp.\n\n" for heading in headings)
    assert _titles(text) == headings


@pytest.mark.parametrize(
    "text",
    [
        "I. Light the lamp.\n\nII. Wind the clock.\n\nIII. Feed the gull.\n",
        "I\n\nShe lit the lamp.\n\nV\n\nShe slept.\n",
        "He said:\n\nI\n\nand slept.\n",
        "1.\n\nLight the lamp.\n\n2.\n\nWind the clock.\n",
    ],
    ids=["a list", "out of sequence", "one", "figures"],
)
def test_numerals_that_number_no_chapters(text: str) -> None:
    assert _titles(text) == [""]


def test_numerals_within_chapters_are_no_chapters() -> None:
    assert _titles("CHAPTER I\n\nI\n\nShe lit it.\n\nII\n\nShe slept.\n") == ["CHAPTER I"]


def test_markdown_headings() -> None:
    text = (
        "# A book #\n\nWords.\n\n## Empty\n\n### Part *one*\nMore.\n\n#### Too deep\n\n"
        "#hashtag\n\n```\n# a comment\n```\nEnd."
    )
    assert _titles(text, "md") == ["A book", "Part *one*"]
    assert _bodies(text, "md")[1].startswith("More.\n\n#### Too deep")
    assert _bodies(text, "md")[1].endswith("# a comment\n```\nEnd.")


def test_underlined_lines_of_markdown_are_headings() -> None:
    text = "The Lamp\n=====\n\nA line.\n\n  Night  \n---\n\nShe lit it.\n\n### Late\n\nOh.\n"
    assert _titles(text, "md") == ["The Lamp", "Night", "Late"]
    assert _bodies(text, "md")[1] == "She lit it."


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: The Lamp\n---\n\nWords.",
        "One line\nand another\n---\n\nWords.",
        "> A quote\n---\n",
        "- an item\n---\n",
        "    code\n---\n",
        "```\nOne\n---\n```\n",
        "Words.\n\n---\n\nWords.",
        "| a | b |\n---\n",
    ],
)
def test_not_every_line_above_dashes_is_a_heading(text: str) -> None:
    assert _titles(text, "md") == [""]


def test_markdown_without_hashes_has_chapter_lines() -> None:
    assert _titles("CHAPTER I\n\nOne.\n\nCHAPTER II\n\nTwo.", "md") == ["CHAPTER I", "CHAPTER II"]


def test_a_play_has_its_scenes_and_no_speaker_is_a_chapter() -> None:
    text = """THE LAMP

ACT I

SCENE I. A quay.

MIRA.
Who is there?

TOM.
Nobody.

SCENE II. The tower.

MIRA.
The lamp is out.

ACT II

SCENE I. The chapel.

TOM.
Here is the key.
"""
    assert _titles(text) == ["", "SCENE I. A quay.", "SCENE II. The tower.", "SCENE I. The chapel."]
