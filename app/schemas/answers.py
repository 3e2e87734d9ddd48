"""Questions, and answers with their votes and citations."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from app.schemas.common import OnPages, Request, Seed

Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(min_length=1, max_length=64)]
_UNTRAINED = "nothing was learned of this book yet: the bare LLM answered from its passages"
_UNEMBEDDED = (
    "the book's passages are still being embedded, and are found by their words alone until then: ask again "
    "in a minute"
)
MembersChoice = Literal["auto", "always", "never"]
Choice = Annotated[str, Field(min_length=1, max_length=500)]


Strategy = Literal["vote", "mixture", "choices"]


class AskRequest(Request):
    """A question; what is left out is the service's choice.

    `books` holds book ids, or `id@alias` or `id@number` for one version. Without it the book that fits best
    is asked, of all or of those by any of the `authors` and with any of the `tags`, in whatever case these
    are written. `samples` is how many answers each member gives, `k` how many passages are read. The strategy
    is `vote`; `mixture`, in which all members say one thing, each word the likeliest to them on average; or
    `choices`: the answer is one of these, members do not speak, each says how likely it thinks each. A vote
    is `adaptive`: members that cannot change it any more are spared. With a confidence below
    `min_confidence` there is no answer but the reason and the closest places: 0 always answers, and without
    it the threshold of the skill counts. `members` is `auto`: those of a version answer unless they are known
    to make answers worse, or were learned behind another skill than the one in force; `always`; or `never`:
    then the LLM answers with its skill alone. With `require_trained` a book without a version is an
    error instead of an answer by the bare LLM. In the `thread` of this id, or in a `new` one, the answer is
    kept; what was said there before helps to find passages, and the books asked before are asked, unless
    there are `books` or a scope. With `stream` the answer comes as server-sent events:
    `retrieved`, `heard` for every candidate, and `answer`.
    """

    question: str
    books: list[str] | None = None
    authors: Names | None = None
    tags: Names | None = None
    k: Annotated[int, Field(ge=1, le=32)] | None = None
    samples: Annotated[int, Field(ge=1, le=16)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: Seed | None = None
    strategy: Strategy | None = None
    choices: (
        Annotated[list[Choice], Field(min_length=2, max_length=16, json_schema_extra={"uniqueItems": True})]
        | None
    ) = None
    adaptive: bool = True
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    members: MembersChoice = "auto"
    require_trained: bool = False
    thread: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    stream: bool = False

    @model_validator(mode="after")
    def _scope_fits(self) -> "AskRequest":
        if self.books and (self.authors or self.tags):
            raise ValueError("books and a scope of authors or tags do not go together: send one of the two")
        return self

    @model_validator(mode="after")
    def _choices_fit(self) -> "AskRequest":
        if self.choices is not None and len(set(self.choices)) < len(self.choices):
            raise ValueError("two choices are the same")
        if (self.choices is None) != (self.strategy != "choices") and self.strategy is not None:
            raise ValueError("the strategy 'choices' and a list of choices go together")
        return self


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

    `support` is the sentence in it that says the answer, where one does. `page` is the label of the page
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


class Answer(BaseModel):
    """What the members agreed on, best vote first; the citations that say it come first. It is null where the
    service abstained: then the citations are the places closest to the question, the best first.

    The confidence is a probability where it is `calibrated`, else how well the candidates agree with the
    answer; `answerable` is the probability that the book tells the answer at all, where known. `degraded`
    says why an answer is less than it could be: `untrained` (the book has no version), `unembedded: ...`
    (passages are found by their words alone yet), `other-model: BOOK@VERSION was learned on another LLM:
    ...`, or `damaged: BOOK@VERSION without members N, ...`. Of the versions in `left_out` no member
    answered. `thread` is the id of the one that it is kept in.
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
    citations: list[Citation]
    versions: list[VersionUsed]
    left_out: list[LeftOut] = []
    timings: Timings

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
