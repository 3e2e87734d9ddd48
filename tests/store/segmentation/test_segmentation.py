# ruff: noqa: RUF001, RUF005 - texts of many languages, in lines that can be read
import re
import unicodedata
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.text.headings import TextFormat, chapters
from store.segmentation import ChapterSpan, passages, sentences


def _words(text: str) -> int:
    return len(text.split())


def _cut(text: str, limit: int) -> list[str]:
    return [text[span.start : span.end] for span in passages(text, chapters(text, "txt"), _words, limit)]


def test_an_empty_text_is_one_chapter_without_passages() -> None:
    for text in ("", " \n\n\t "):
        assert chapters(text, "txt") == [ChapterSpan("", 0, len(text))]
        assert passages(text, chapters(text, "txt"), _words) == []


def test_sentences() -> None:
    text = (
        'Mr. Fox ran. "Stop!" said J. R. Wolf... He did not?! At 3.14 he sat\n\ndown (so there.) 狐狸跑了。'
        "“停！”狼说。 यह एक है। वह गया।"
    )
    assert [text[start:end] for start, end in sentences(text)] == [
        "Mr. Fox ran.",
        '"Stop!"',
        "said J. R. Wolf...",
        "He did not?!",
        "At 3.14 he sat",
        "down (so there.)",
        "狐狸跑了。",
        "“停！”",
        "狼说。",
        "यह एक है।",
        "वह गया।",
    ]


@pytest.mark.parametrize(
    ("language", "marked"),
    [
        (
            "en",
            "Dr. Smith met Mrs. J. R. Ost at 5 p.m. on Jan. 3rd. |"
            '"Why?" he asked. |No. 5, i.e. Brown & Co. closed!',
        ),
        (
            "en-GB",
            "“Go home.” |She went. |It cost 3.5 dollars (see p. 12) vs. nothing. |"
            "“Never!” cried Mira. |So did I. |He left.",
        ),
        (
            "fr",
            "« Où vas-tu ? » dit M. Dupont. |Il partit av. J.-C. avec Mme S. Ost. |"
            "« Bon ! » |Voir p. 12, etc. et fin.",
        ),
        (
            "de",
            "Er sagte: „Komm z. B. am 3. Mai!“ |Am 12. Oktober kam Hr. Meier, usw. und blieb. |"
            "„Wer ist da?“, fragte sie.",
        ),
        ("de", "»Komm!« |Sie kam. |Siehe Bd. 3, d. h. S. 12 oben. |Ende."),
        (
            "ru",
            "Он жил на ул. Ленина в г. Москве, см. рис. 3. |"
            "«Куда?» — спросил А. С. Пушкин. |Да! |Книга, т. е. роман.",
        ),
        ("zh", "他说：“你好。”|然后走了……到了第3.5页。|真的吗？|1803年走的！"),
        ("ja", "彼は３．５倍と言った。|「行きましょう。そこへ。」|そして去った。|2014年は？|はい！"),
        ("hi", "मीना स्कूल गई। |डॉ. शर्मा ने पूछा, क्या वह खुश थी? |हाँ! |फिर गए॥"),
        ("bn", "সে বাড়ি গেল। |তারপর ঘুমাল।"),
        ("ar", "ذهب الولد إلى المدرسة. |هل عاد؟ |نعم! |ثم نام؛ واستيقظ."),
        ("ur", "وہ گھر گیا۔ |کیا وہ آیا؟ |ہاں۔"),
        ("am", "እሱ ወደ ቤት ሄደ። |ከዚያም ተኛ። |ለምን፧ |አዎ፨"),
        ("my", "သူသည်အိမ်သို့သွားသည်။|ထို့နောက် အိပ်သည်။"),
        ("km", "គាត់ទៅផ្ទះ។|បន្ទាប់មកគាត់ដេក។ |តើហេតុអ្វី?"),
        ("bo", "ཁོང་ཁྱིམ་ལ་སོང་། |དེ་ནས་ཉལ་སོང་།"),
        ("el", "Πού πήγες; |Ο κ. Παπαδόπουλος ήρθε στις 5 μ.μ. στο σπίτι. |Γιατί; |Έτσι."),
        ("hy", "Նա գնաց տուն: |Ո՞ւր է նա։ |Այո։"),
        ("ka", "ის წავიდა. |შემდეგ დაიძინა. |რატომ?"),
        ("si", "ඔහු ගියේය. |පසුව නිදාගත්තේය."),
        ("nqo", "ߊ߬ ߕߊ߯ߙߊ߫߹ |ߊ߬ ߣߊ߬ߣߊ߬."),
        ("uk", "Він жив на вул. Шевченка в м. Києві. |«Де ти?» — спитав І. Франко. |Так!"),
        ("pl", "Dr. Kowalski przyszedł na ul. Długą 5 maja. |„Co?” zapytał. |Było to np. w XIX w. |Koniec."),
        ("cs", "Byl to např. dům. |Je 5. května. |Dr. Novák odešel."),
        ("pl-PL", "Pan A\u00a0. mieszkał tu. |Potem wyjechał."),
    ],
)
def test_sentences_of_a_language(language: str, marked: str) -> None:
    pieces = [piece.strip() for piece in marked.split("|")]
    text = marked.replace("|", "")
    assert [text[start:end] for start, end in sentences(text, language=language)] == pieces
    # A passage holds what fits, and the offsets are those of the text.
    cut = passages(text, [ChapterSpan("", 0, len(text))], len, max(map(len, pieces)), language)
    assert text[cut[0].start : cut[0].end].startswith(pieces[0])
    assert "".join("".join(text[span.start : span.end] for span in cut).split()) == "".join(text.split())
    assert {span.end for span in cut} <= {end for _, end in sentences(text, language=language)}


@pytest.mark.parametrize(
    "marked",
    [
        "እሱ ወደ ቤት ሄደ። |ከዚያም ተኛ። |ለምን፧",
        "သူသည်အိမ်သို့သွားသည်။|ထို့နောက် အိပ်သည်။",
        "គាត់ទៅផ្ទះ។|បន្ទាប់មកគាត់ដេក។",
        "मीना गई।|उसने पढ़ा। |हाँ!",
        "ᱩᱱᱤ ᱥᱮᱱᱮᱱᱟ᱾ |ᱛᱟᱭᱚᱢ ᱦᱮᱡ ᱟ᱾",
        "ᠲᠡᠷᠡ ᠶᠠᠪᠤᠪᠠ᠃ |ᠲᠡᠷᠡ ᠢᠷᠡᠪᠡ᠃",
    ],
)
def test_sentences_of_a_text_whose_language_nobody_told(marked: str) -> None:
    text = marked.replace("|", "")
    assert [text[start:end] for start, end in sentences(text)] == [part.strip() for part in marked.split("|")]


@pytest.mark.parametrize("language", ["pl", "uk", "am", "el", "hi", "ja", "th", "xx"])
@given(st.text(st.sampled_from("ab AB.!?\n\r\t“”„«»'\"(）)。།။1é\u0301😀\u00a0\u2009—;:ЯяΚმ"), max_size=60))
def test_sentences_of_any_text_leave_nothing_out(language: str, text: str) -> None:
    found = list(sentences(text, language=language))
    assert "".join("".join(text[start:end].split()) for start, end in found) == "".join(text.split())
    assert all(end <= after for (_, end), (after, _) in pairwise(found))
    assert all(text[start:end] == text[start:end].strip() != "" for start, end in found)


def test_passages_are_whole_sentences_while_they_fit() -> None:
    text = "One two three. Four five. Six seven eight nine. Ten."
    assert _cut(text, 5) == ["One two three. Four five.", "Six seven eight nine. Ten."]
    assert _cut(text, 4) == ["One two three.", "Four five.", "Six seven eight nine.", "Ten."]
    assert _cut(text, 100) == [text]


def test_a_long_sentence_is_cut_between_words() -> None:
    assert _cut("One two three four five six seven. Eight.", 3) == [
        "One two three",
        "four five six",
        "seven. Eight.",
    ]
    many = " ".join(str(number) for number in range(100))
    for limit in range(1, 20):
        assert [_words(piece) for piece in _cut(many, limit)][:-1] == [limit] * ((100 - 1) // limit)


def test_a_text_without_spaces_is_cut_between_characters() -> None:
    text = "狐狸和狼一起走过森林然后回家"
    spans = passages(text, chapters(text, "txt"), len, 4)
    assert [text[span.start : span.end] for span in spans] == ["狐狸和狼", "一起走过", "森林然后", "回家"]


def test_accents_and_joined_signs_stay_together() -> None:
    family = "👩\u200d👩\u200d👧"
    text = f"e\u0301{family}o\u0308"
    spans = passages(text, chapters(text, "txt"), len, 5)
    assert [text[span.start : span.end] for span in spans] == ["e\u0301", family, "o\u0308"]


def test_passages_stay_within_their_chapter() -> None:
    text = "CHAPTER I\n\nOne.\n\nCHAPTER II\n\nTwo."
    spans = passages(text, chapters(text, "txt"), _words, 100)
    assert [(span.chapter, text[span.start : span.end]) for span in spans] == [(0, "One."), (1, "Two.")]


def test_a_passage_has_at_least_one_token() -> None:
    with pytest.raises(ValueError, match="at least one"):
        passages("Text.", [ChapterSpan("", 0, 5)], _words, 0)


@pytest.mark.parametrize(
    "run",
    [" ", "\n", "\r\n ", ".", '."', "。", "# ", "#", "A. ", "CHAPTER I\n", "\t#", "e", "\u0301", "“", "„A. "],
)
@pytest.mark.parametrize("form", ["txt", "md"])
@pytest.mark.parametrize("language", [None, "en", "pl"])
def test_a_long_run_of_anything_is_done_in_linear_time(
    run: str, form: TextFormat, language: str | None
) -> None:
    # In quadratic time this would not end while anybody watches.
    text = run * (100_000 // len(run)) + "x"
    spans = passages(text, chapters(text, form), lambda piece: len(piece) // 4000, 4, language)
    assert spans[-1].end == len(text)


_PIECES = st.sampled_from(
    ["Once upon a time", "He ran", ". ", "! ", "? ", "...", " ", "狐狸跑了", "。", '"', "”", "Mr. ", "```"]
    + ["CHAPTER I", "\n\nCHAPTER II\n", "Chapter 2. Two", "# Head", "\n## Sub ##\n", "ไทยไม่มีช่องว่าง", "ب؟ "]
    + ["averyveryverylongwordwithoutanyspaceinit", "\n", "\r", "\t", "\n\n", "\r\n\r\n", "\u3000", "\u200b"]
    + ["\u0301", "\u200d", "\x0c", "\x1f", "\u2028", "👩"]
)
_TEXTS = st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=40).map("".join)
Count = Callable[[str], int]
_COUNTERS: list[Count] = [_words, len, lambda piece: len(piece.encode("utf-8", "replace")) // 3 + 1]


@settings(deadline=None, max_examples=300)
@given(
    _TEXTS,
    st.sampled_from(["txt", "md"]),
    st.sampled_from(_COUNTERS),
    st.integers(1, 30),
    st.sampled_from([None, "en", "de", "zh"]),
)
def test_passages_of_any_text(
    text: str, form: TextFormat, count: Count, limit: int, language: str | None
) -> None:
    found = chapters(text, form)
    assert found
    assert all(0 <= span.start <= span.end <= len(text) for span in found)
    assert all(one.end <= two.start for one, two in pairwise(found))
    outside = text
    for span in reversed(found):
        outside = outside[: span.start] + outside[span.end :]
    titles = "".join(span.title for span in found)
    lines = [line for line in re.split(r"[\r\n]+", outside) if line.strip()]
    unnamed = [line for line in lines if " ".join(line.split()) not in titles]
    assert all(_heading(line) for line in unnamed)

    cut = passages(text, found, count, limit, language)
    for ordinal, chapter in enumerate(found):
        mine = [span for span in cut if span.chapter == ordinal]
        pieces = [text[span.start : span.end] for span in mine]
        assert all(chapter.start <= span.start < span.end <= chapter.end for span in mine)
        assert all(one.end <= two.start for one, two in pairwise(mine))
        assert all(piece == piece.strip() for piece in pieces)
        body = text[chapter.start : chapter.end]
        assert "".join("".join(pieces).split()) == "".join(body.split())
        assert all(count(piece) <= limit or not _divisible(piece) for piece in pieces)
    assert [span.chapter for span in cut] == sorted(span.chapter for span in cut)


def _heading(line: str) -> bool:
    return bool(re.search(r"chapter|#|第", line, re.IGNORECASE))


def _divisible(piece: str) -> bool:
    """Say whether a passage has a place to cut: two neighbours that no accent and no joiner joins."""
    return any(
        "\u200d" not in (one, two) and not unicodedata.category(two).startswith("M")
        for one, two in pairwise(piece)
    )
