"""What answering is about: questions, passages, what members say, and what comes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.engine.records import MemberId
from store.segmentation import PageSpan

Strategy = Literal["vote", "mixture", "choices"]


@dataclass(frozen=True)
class Question:
    """A question, and how members are to answer it.

    `samples` is how many answers each member gives. A `temperature` of 0 takes the likeliest words; without a
    `seed` a random one is used. Of the strategy `choices` members say how likely they think each of the
    `choices`. A vote that is `adaptive` leaves out members that cannot change it.
    """

    text: str
    strategy: Strategy = "vote"
    choices: Sequence[str] = ()
    samples: int = 1
    temperature: float = 0.0
    seed: int | None = None
    adaptive: bool = True


@dataclass(frozen=True)
class Scope:
    """Where an answer is looked for.

    `books` are ids, or `id@alias` or `id@number` for one version. Without them the one book that fits the
    question best is asked: of all, or of those by any of the `authors` and with any of the `tags`. All of it
    is within the library of the `owner`, where one is given.
    """

    books: Sequence[str] = ()
    authors: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    owner: str | None = None


@dataclass(frozen=True)
class Passage:
    """A passage of a book that was found for a question, with its `score` (at most 1).

    It is the `ordinal`th of its book, counted from 0. `start` and `end` are its offsets in the book's text,
    in characters; `pages` are those that it is on, in reading order, none where the file had none. `language`
    is its book's BCP 47 tag, None where it is not known.
    """

    id: int
    ordinal: int
    book: str
    title: str
    author: str | None
    chapter: str
    pages: Sequence[PageSpan]
    start: int
    end: int
    text: str
    score: float
    language: str | None = None

    def page_at(self, place: int) -> str | None:
        """The label of the page on which this place in the book's text is; None where it is not known."""
        begun = [page.label for page in self.pages if page.start <= place]
        return begun[-1] if begun else None


@dataclass(frozen=True)
class PassageAnswer:
    """What a member answers from what it read.

    `answerable` is the probability that the passage answers the question at all, `log_likelihood` the mean
    per token of the answer given that it does, `retrieval` how well the passage fits the question, from 0 to
    1. `right` is the probability that the answer is right, by the skill's own judgement; None if it has none.
    """

    text: str
    answerable: float
    log_likelihood: float
    retrieval: float
    right: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One answer of one member: its `sample`th, from the passage with this id.

    `log_likelihood` is the mean per token in nats, `weight` what the candidate adds to its vote. `answerable`
    and `right` are those of `PassageAnswer`.
    """

    member: MemberId
    text: str
    log_likelihood: float
    weight: float
    sample: int = 0
    passage: int | None = None
    answerable: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class Vote:
    """Candidates that say the same, the heaviest first, and their share of all weight (0 to 1)."""

    answer: str
    share: float
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Verdict:
    """What comes of the candidates: the votes, the one that holds the answer first.

    A `calibrated` confidence is the probability that the answer is right; another is how well the candidates
    agree with it, from 0 to 1. `answerable` is the probability that the book tells the answer at all, where
    that is known. Below the confidence `decline_below` the answer is not given, unless the question says
    otherwise.
    """

    votes: Sequence[Vote]
    answer: str
    confidence: float
    calibrated: bool = False
    answerable: float | None = None
    decline_below: float | None = None


@dataclass(frozen=True)
class Span:
    """A piece of a book's text, and where it is."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Citation:
    """A passage that was read, and the sentence in it that supports the answer, where one does.

    `share` is the part of all candidates' weight that gave the answer from it (0 to 1).
    """

    passage: Passage
    support: Span | None
    share: float = 0.0


@dataclass(frozen=True)
class VersionUsed:
    """A version whose members answer; `revision` is the one of the book's text that they learned."""

    book: str
    version: int
    revision: int


@dataclass(frozen=True)
class LeftOut:
    """A version whose members do not answer, because that was `asked`, because they were learned behind an
    `other-skill`, or because they do `harm`; `detail` goes on from "The members do not answer: ".
    """

    book: str
    version: int
    reason: Literal["asked", "other-skill", "harm"]
    detail: str


@dataclass(frozen=True)
class Panel:
    """Who answers a question: members of these versions; `degraded` says what is amiss, if anything.

    Of a version that is `left_out`, readers that have learned no book answer.
    """

    members: Sequence[MemberId]
    versions: Sequence[VersionUsed]
    degraded: str | None
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True)
class Retrieved:
    """The passages about to be read, and who reads them."""

    passages: Sequence[Passage]
    panel: Panel


@dataclass(frozen=True)
class Heard:
    """The verdict as it stands once so many candidates have been heard."""

    candidates: int
    verdict: Verdict


@dataclass(frozen=True)
class Abstention:
    """Why there is no answer: the book does not seem to tell it, the members disagree, or are not sure."""

    reason: Literal["not-told", "disagreed", "unsure"]
    detail: str


@dataclass(frozen=True)
class Timings:
    """Where the seconds of an answer went."""

    retrieve: float
    generate: float
    vote: float
    total: float


@dataclass(frozen=True)
class Answer:
    """The answer to a question. The citations that it was read in come first. With an abstention the
    verdict's answer is not given, and the citations are the places closest to the question, the best first.

    `powers` are the coefficients of the weighting by their names. Below the confidence `threshold` no answer
    is given; None where there is none.
    """

    question: str
    strategy: Strategy
    verdict: Verdict
    abstention: Abstention | None
    powers: Mapping[str, float]
    threshold: float | None
    citations: Sequence[Citation]
    panel: Panel
    timings: Timings


AnswerEvent = Retrieved | Heard | Answer
