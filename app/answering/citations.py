"""Citations: a passage that was read, with the sentence in it that supports the answer."""

from app.answering.normalisation import normalised
from app.answering.types import Citation, Passage, Span
from store.segmentation import sentences

# A sentence with a smaller share of the answer's words supports something else.
_SHARE = 0.5


def cited(passage: Passage, answer: str, question: str) -> Citation:
    """The passage with the sentence that supports the answer."""
    found = supporting_sentence(passage.text, answer, question, passage.language)
    if found is None:
        return Citation(passage, None)
    start, end = found
    return Citation(passage, Span(passage.start + start, passage.start + end, passage.text[start:end]))


def supporting_sentence(
    passage: str, answer: str, question: str = "", language: str | None = None
) -> tuple[int, int] | None:
    """The offsets in `passage` of the sentence that has most of the answer's words.

    Among equals it is the one with most of the question's words, then the first. None where no sentence has
    half of the answer's words. `language` is the passage's BCP 47 tag, if it is known.
    """
    wanted = set(normalised(answer).split())
    asked = set(normalised(question).split())
    best, found = (0.0, 0.0), None
    for start, end in sentences(passage, language=language):
        said = normalised(passage[start:end])
        words = set(said.split())
        share = _share(wanted, words)
        # Writing without spaces has no words to compare.
        if wanted and not answer.isascii() and normalised(answer) in said:
            share = 1.0
        score = (share, _share(asked, words))
        if share >= _SHARE and score > best:
            best, found = score, (start, end)
    return found


def _share(wanted: set[str], words: set[str]) -> float:
    return len(wanted & words) / len(wanted) if wanted else 0.0
