"""Answers with their votes and citations, and what happens on the way to them."""

from typing import Literal

from pydantic import BaseModel

from app.schemas.asks import Strategy
from app.schemas.common import OnPages

_UNTRAINED = "nothing was learned of this book yet: the bare LLM answered from its passages"
_UNEMBEDDED = (
    "the book's passages are still being embedded, and are found by their words alone until then: ask again "
    "in a minute"
)


class Candidate(BaseModel):
    """One answer of one member; `version` is null when no version was learned, `member` as well when the bare
    LLM answered.

    Members and samples count from 0. `log_likelihood` is the mean per token, `weight` what the candidate
    adds to its vote. Each candidate has read one `passage`, and `answerable` is how probable it is to the
    LLM that this passage answers the question, `right` that the answer is right; null where its skill does
    not judge answers.
    """

    book: str
    version: int | None
    member: int | None
    sample: int
    text: str
    log_likelihood: float
    weight: float
    passage: int | None = None
    answerable: float | None = None
    right: float | None = None


class Vote(BaseModel):
    """Candidates that say the same, and their share of all weight (0 to 1)."""

    answer: str
    share: float
    candidates: list[Candidate]


class Span(BaseModel):
    """A piece of the book's text, and where it is."""

    start: int
    end: int
    text: str


class Citation(OnPages):
    """A passage that was read, `start` and `end` being its offsets in the book's text.

    `share` is the part of all weight that gave the answer from it (0 to 1), `support` the sentence in it that
    says the answer, where one does. `page` is the label of the page
    that this sentence begins on or, without one, the passage; null where the file had no pages.
    """

    passage: int
    book: str
    title: str
    author: str | None
    chapter: str
    page: str | None = None
    start: int
    end: int
    text: str
    score: float
    share: float = 0.0
    support: Span | None = None


class VersionUsed(BaseModel):
    """A version whose members answered; `revision` is the one of the book's text that they learned."""

    book: str
    version: int
    revision: int


class LeftOut(BaseModel):
    """A version whose members did not answer, and why: it was `asked`, they were learned behind an
    `other-skill`, or they do `harm`. The LLM answered with its skill alone.
    """

    book: str
    version: int
    reason: Literal["asked", "other-skill", "harm"]
    detail: str


class Retrieved(BaseModel):
    """What is about to be read, and by which versions' members."""

    citations: list[Citation]
    versions: list[VersionUsed]
    left_out: list[LeftOut] = []
    degraded: str | None

    @property
    def unlearned(self) -> bool:
        """Whether nothing was learned of the book yet."""
        lacks = _lacks(self.degraded)
        return lacks == "untrained" or (lacks == "unembedded" and not self.versions and not self.left_out)


class Heard(BaseModel):
    """The answer and the votes as they stand now that so many candidates have been heard."""

    candidates: int
    answer: str
    confidence: float
    votes: list[Vote]


class Timings(BaseModel):
    """Where the seconds of an answer went."""

    retrieve: float
    generate: float
    vote: float
    total: float


class Abstained(BaseModel):
    """Why there is no answer: the book does not seem to tell it, the members disagree, or are not sure.

    `answer` is the one that is not given.
    """

    reason: Literal["not-told", "disagreed", "unsure"]
    detail: str
    answer: str


class Powers(BaseModel):
    """The powers of what makes a candidate's weight, which is in proportion to their product.

    `retrieval` is that of its passage's score as a share of the best passage's, of at least .05; `answerable`
    that of the candidate's own; `log_likelihood` that of exp of the candidate's own, the mean probability of
    a token; `right` that of the odds of the candidate's own. Choices share what the first two make of each
    passage by their likelihood.
    """

    retrieval: float
    answerable: float
    log_likelihood: float
    right: float


class Answer(BaseModel):
    """What the members agreed on, best vote first; the citations that it was read in come first. It is null
    where the service abstained: then the citations are the places closest to the question, the best first.

    The confidence is a probability where it is `calibrated`, else how well the candidates agree with the
    answer; `answerable` is the probability that the book tells the answer at all, where known. `degraded`
    says why an answer is less than it could be: `untrained` (the book has no version), `unembedded: ...`
    (passages are found by their words alone yet), `other-model: BOOK@VERSION was learned on another LLM:
    ...`, or `damaged: BOOK@VERSION without members N, ...`. Of the versions in `left_out` no member
    answered. Below a confidence of `threshold` there is no answer; null where there is no threshold.
    `thread` is the id of the one that it is kept in.
    """

    id: str
    object: Literal["answer"] = "answer"
    thread: str | None = None
    question: str
    strategy: Strategy = "vote"
    answer: str | None
    confidence: float
    calibrated: bool
    answerable: float | None
    abstained: Abstained | None
    degraded: str | None
    votes: list[Vote]
    powers: Powers | None = None
    threshold: float | None = None
    citations: list[Citation]
    versions: list[VersionUsed]
    left_out: list[LeftOut] = []
    timings: Timings

    @property
    def read_in(self) -> list[Citation]:
        """The citations in which the answer was read; none where none is given."""
        return [one for one in self.citations if one.share > 0]

    @property
    def note(self) -> str | None:
        """Why the answer is less than it could be, in words; None where it is not."""
        match _lacks(self.degraded):
            case "untrained":
                return _UNTRAINED
            case "unembedded" if self.versions or self.left_out:
                return _UNEMBEDDED
            case "unembedded":
                return f"{_UNTRAINED}; {_UNEMBEDDED}"
            case _:
                return self.degraded


def _lacks(degraded: str | None) -> str:
    """What is lacking, without what is said of it."""
    return (degraded or "").partition(":")[0]


AskEvent = Retrieved | Heard | Answer
