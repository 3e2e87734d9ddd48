"""Citations: the passages that were read, with the sentence in each that supports the answer."""

import math
from collections import defaultdict
from collections.abc import Sequence

from app.answering.normalisation import normalised
from app.answering.types import Citation, Passage, Span, Verdict
from store.search.stemmers import stemmer_of
from store.search.stemming import Stemming, asked_words
from store.search.words import words
from store.segmentation import sentences

# A sentence with a smaller share of the answer's words supports something else.
_SHARE = 0.5
# What a word of the question is worth that stands in the sentence before or behind: docs/results/quality.md.
_BEFORE, _BEHIND = 0.5, 0.25


def cited(passages: Sequence[Passage], verdict: Verdict, question: str) -> list[Citation]:
    """The passages, each with the sentence in it that supports the answer, if one does.

    Those in which most of the answer's weight was read come first; of the others those that say it too, and
    else they stay as they were.
    """
    shares: defaultdict[int | None, float] = defaultdict(float)
    for one in verdict.votes[0].candidates if verdict.votes else ():
        shares[one.passage] += one.weight  # all weights sum to 1
    each = [
        Citation(passage, _support(passage, verdict.answer, question), shares[passage.id])
        for passage in passages
    ]
    return sorted(each, key=lambda citation: (-citation.share, citation.support is None))


def _support(passage: Passage, answer: str, question: str) -> Span | None:
    found = supporting_sentence(passage.text, answer, question, passage.language)
    if found is None:
        return None
    start, end = found
    return Span(passage.start + start, passage.start + end, passage.text[start:end])


def supporting_sentence(
    passage: str, answer: str, question: str = "", language: str | None = None
) -> tuple[int, int] | None:
    """The offsets in `passage` of the sentence that has most of the answer's words.

    Among equals it is the one that fits the question best: by its own words and, for less, by those of the
    sentence before and behind it; then the first. None where no sentence has half of the answer's words.
    `language` is the passage's BCP 47 tag, if it is known.
    """
    places = list(sentences(passage, language=language))
    texts = [passage[start:end] for start, end in places]
    shares = _shares(answer, texts)
    most = max(shares, default=0.0)
    if most < _SHARE:
        return None
    equals = [number for number, share in enumerate(shares) if share == most]
    if len(equals) == 1:
        return places[equals[0]]
    fits = _fits(texts, question, answer, stemmer_of(language))
    return places[max(equals, key=lambda number: fits[number])]


def _shares(answer: str, texts: Sequence[str]) -> list[float]:
    """The share of the answer's words that each sentence has; nothing of an answer without a word."""
    whole = normalised(answer)
    wanted = set(whole.split())
    shares = []
    for said in map(normalised, texts) if wanted else ():
        # Writing without spaces has no words to compare.
        as_it_stands = not answer.isascii() and whole in said
        shares.append(1.0 if as_it_stands else len(wanted & set(said.split())) / len(wanted))
    return shares


def _fits(texts: Sequence[str], question: str, answer: str, stemmer: str) -> list[float]:
    """How well each of the sentences that follow one another fits the question: the sum over its words, but
    those of the answer, each worth the more the fewer sentences have it.
    """
    stemming = Stemming()
    said = [{stemming.stem(word, stemmer) for word in words(text)} for text in texts]
    asked = {stemming.stem(word, stemmer) for word in asked_words(question)}
    asked -= {stemming.stem(word, stemmer) for word in words(answer)}
    fits = [0.0] * len(texts)
    for word in asked:
        having = [word in sentence for sentence in said]
        worth = math.log(1 + len(texts) / max(1, sum(having)))
        for number, here in enumerate(having):
            before = number > 0 and having[number - 1]
            behind = number + 1 < len(having) and having[number + 1]
            # What is told in two sentences names people in the first, and calls them "he" in the second.
            fits[number] += worth * (1.0 if here else _BEFORE if before else _BEHIND if behind else 0.0)
    return fits
