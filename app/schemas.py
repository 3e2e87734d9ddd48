"""The shapes of the HTTP API, spoken by the server and read by the client.

Timestamps are whole seconds since 1970 (UTC), durations are seconds, and offsets count characters
(Unicode code points) from the start of the book's text.
"""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

T = TypeVar("T")

BookState = Literal["queued", "training", "ready", "untrained"]
JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled"})


class Request(BaseModel):
    """What a caller sends; an unknown field is an error, so that a typo is not ignored."""

    model_config = ConfigDict(extra="forbid")


class JsonBook(Request):
    """A book as JSON, for callers who have its text and no file."""

    title: str
    author: str | None = None
    text: str
    tags: list[str] | None = None
    recipe: dict[str, Any] | None = None


class NewVersion(Request):
    """A wish for another version of a book, from scratch or continued from `parent`."""

    recipe: dict[str, Any] | None = None
    parent: Annotated[int, Field(ge=1)] | None = None


Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(min_length=1, max_length=64)]
Choice = Annotated[str, Field(min_length=1, max_length=500)]


class AskRequest(Request):
    """A question; what is left out is the service's choice.

    `books` holds book ids, or `id@alias` or `id@number` for one version. Without it the book that fits best
    is asked, of all or of those by any of the `authors` and with any of the `tags`, in whatever case these
    are written. `samples` is how many answers each member gives, `k` how many passages are read. The strategy
    is `vote`; `mixture`, in which all members say one thing, each word the likeliest to them on average; or
    `choices`: the answer is one of these, members do not speak, each says how likely it thinks each. A vote
    is `adaptive`: members that cannot change it any more are spared. With a confidence below
    `min_confidence` there is no answer but the reason. With `require_trained` a book without a version is an
    error instead of an answer by the bare LLM. With `stream` the answer comes as server-sent events:
    `retrieved`, `heard` for every candidate, and `answer`.
    """

    question: str
    books: list[str] | None = None
    authors: Names | None = None
    tags: Names | None = None
    k: Annotated[int, Field(ge=1, le=32)] | None = None
    samples: Annotated[int, Field(ge=1, le=16)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    strategy: Literal["vote", "mixture", "choices"] | None = None
    choices: Annotated[list[Choice], Field(min_length=2, max_length=16)] | None = None
    adaptive: bool = True
    min_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    require_trained: bool = False
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


class MoveAlias(Request):
    """The version an alias shall point to, and why."""

    version: Annotated[int, Field(ge=1)]
    why: Annotated[str, Field(max_length=500)] | None = None


class Page(BaseModel, Generic[T]):
    """One page of a list; when `has_more`, ask again with `after` set to the last id."""

    object: Literal["list"] = "list"
    data: list[T]
    has_more: bool


class Chapter(BaseModel):
    """A chapter's place in its book; a book without headings is one chapter titled ""."""

    ordinal: int
    title: str
    start: int
    end: int


class Book(BaseModel):
    """A book; `sha256` is that of its text, `aliases` maps a name to a version's number."""

    id: str
    object: Literal["book"] = "book"
    title: str
    author: str | None
    language: str | None
    filename: str | None
    tags: list[str]
    characters: int
    sha256: str
    chapters: list[Chapter]
    passages: int
    state: BookState
    aliases: dict[str, int]
    created_at: int


class JobProblem(BaseModel):
    """Why a job failed: a stable code and a sentence."""

    code: str
    message: str


class Progress(BaseModel):
    """How far training is; losses are nats per token, one of `member_losses` for each member."""

    step: int
    steps: int
    loss: float
    member_losses: list[float]
    tokens_per_second: float
    eta_seconds: float | None


class Job(BaseModel):
    """A training job; `version` is the number it published, once it has."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    kind: str
    book: str
    model: str
    status: JobStatus
    version: int | None
    attempts: int
    error: JobProblem | None
    progress: Progress | None
    recipe: dict[str, Any]
    parent: int | None
    created_at: int
    started_at: int | None
    finished_at: int | None


class JobEvent(BaseModel):
    """Something that happened to a job.

    The data of "metrics" is a `Progress`; that of a "message" has a `kind`: queued, running, evaluated,
    published, succeeded, failed or cancelled. The last three end the job.
    """

    id: int
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: str
    type: Literal["message", "metrics"]
    message: str
    data: dict[str, Any]


class AddedBook(BaseModel):
    """An uploaded book and the job that learns it; for bytes seen before, its latest job, if any."""

    book: Book
    job: Job | None


class AddedJob(BaseModel):
    """The job that will learn another version."""

    job: Job


class Candidate(BaseModel):
    """One answer of one member; `version` is null when no version was learned, `member` as well when the bare
    LLM answered.

    Members and samples count from 0. `log_likelihood` is the mean per token, `weight` what the candidate
    adds to its vote. Behind a skill prompt each candidate has read one `passage`, and `answerable` is how
    probable it is to the LLM that this passage answers the question.
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


class Citation(BaseModel):
    """A passage that was read, `start` and `end` being its offsets in the book's text.

    `support` is the sentence in it that says the answer, where one does.
    """

    passage: int
    book: str
    title: str
    author: str | None
    chapter: str
    start: int
    end: int
    text: str
    score: float
    support: Span | None = None


class VersionUsed(BaseModel):
    """A version whose members answered."""

    book: str
    version: int


class Retrieved(BaseModel):
    """What is about to be read, and by which versions' members."""

    citations: list[Citation]
    versions: list[VersionUsed]
    degraded: str | None


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
    """Why there is no answer: the book does not seem to tell it, or the members are not sure of one."""

    reason: Literal["not-told", "unsure"]
    detail: str


class Answer(BaseModel):
    """What the members agreed on, best vote first; null where the service abstained.

    The confidence is a probability where it is `calibrated`, else a share of the votes; `told` is the
    probability that the book tells the answer at all, where known. `degraded` says why an answer is less than
    it could be: `untrained` (the book has no version), `other-model` (its version belongs to another LLM), or
    `damaged: BOOK@VERSION without members N, ...`.
    """

    id: str
    object: Literal["answer"] = "answer"
    question: str
    answer: str | None
    confidence: float
    calibrated: bool
    told: float | None
    abstained: Abstained | None
    degraded: str | None
    votes: list[Vote]
    citations: list[Citation]
    versions: list[VersionUsed]
    timings: Timings


# What is told while a question is answered.
AskEvent = Retrieved | Heard | Answer


class PromptMember(BaseModel):
    """One soft prompt of a version, counted from 0, with its held-out losses before and after learning.

    `damaged` says that its bytes are no longer what was published, and that it is left out of answers.
    """

    member: int
    seed: int
    sha256: str
    bytes: int
    loss_before: float | None
    loss_after: float | None
    damaged: bool = False


class BaseModelIdentity(BaseModel):
    """The frozen LLM a version belongs to."""

    id: str
    revision: str | None
    hidden_size: int
    quantization: str
    dtype: str


class PromptVersion(BaseModel):
    """One immutable version of a book's soft prompts; `parent` is the number it was continued from.

    `skill` is the skill prompt that it was learned behind, `study` the questions that it was learned from.
    """

    id: str
    object: Literal["prompt_version"] = "prompt_version"
    book: str
    book_title: str
    number: int
    members: list[PromptMember]
    recipe: dict[str, Any]
    base_model: BaseModelIdentity
    parent: int | None
    skill: str | None
    study: str | None
    metrics: dict[str, Any]
    aliases: list[str]
    bytes: int
    job: str | None
    created_at: int


class AliasMove(BaseModel):
    """One move of an alias; a version is null before the first move and after a removal."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    alias: str
    # "from" is a keyword of Python, so it has another name here than in JSON.
    from_version: int | None = Field(validation_alias="from", serialization_alias="from")
    to: int | None
    who: str
    why: str | None
    at: int


class AliasState(BaseModel):
    """Where an alias points now, and every move of it."""

    book: str
    alias: str
    version: int | None
    history: list[AliasMove]


class Readiness(BaseModel):
    """Whether the service answers questions yet, and what it waits for."""

    ready: bool
    detail: str = ""
