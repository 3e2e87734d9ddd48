"""The sentence of a passage that carries an answer."""

from app.answering.voting import normalised
from store.segmentation import sentences

# A sentence with less of the answer's words carries something else.
_SHARE = 0.5


def support(passage: str, answer: str, question: str = "") -> tuple[int, int] | None:
    """Where in `passage` the sentence is that says most of `answer`, as offsets into it.

    Of equals, the one that says most of the question, then the first. None: no sentence says half of it.
    """
    wanted = set(normalised(answer).split())
    asked = set(normalised(question).split())
    best, found = (0.0, 0.0), None
    for start, end in sentences(passage):
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
