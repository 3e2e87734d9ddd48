"""Training jobs, their progress and what happens to them."""

from typing import Any, Literal

from pydantic import BaseModel

JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
ENDED: frozenset[JobStatus] = frozenset({"succeeded", "failed", "cancelled"})


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


class Phase(BaseModel):
    """What comes before training and after it: `done` of `total` passages are embedded, passages chosen from
    the book are asked about, or held-out questions are asked. A `share` of it is done, 0 to 1, which counts
    what is being asked, too; None in jobs of before there was one. It takes `eta_seconds` more; None
    where that is not known yet.
    """

    kind: Literal["embedding", "writing", "trial"]
    done: int
    total: int
    share: float | None = None
    eta_seconds: float | None = None


class Attempt(BaseModel):
    """An attempt at a job: `outcome` and `reason` are None while it goes on, `step` is how far it had got."""

    number: int
    worker: str
    step: int
    outcome: Literal["succeeded", "failed", "cancelled", "given-back", "vanished"] | None
    reason: str | None
    started_at: int
    ended_at: int | None


class Job(BaseModel):
    """A training job; `title` is that of its book, `version` the number it published, once it has.

    `attempts` are those that count: not the ones that were given back, nor those whose worker vanished but
    got further than any before. `history` has them all. `detail` says what a queued job waits for if no
    worker runs. A running job is in a `phase` until it trains, and has `progress` from then on.
    With `force` that becomes the champion even where it is worse than the one there is.
    """

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    kind: str
    book: str
    title: str
    model: str
    status: JobStatus
    version: int | None
    attempts: int
    history: list[Attempt] = []
    detail: str | None = None
    error: JobProblem | None
    progress: Progress | None
    phase: Phase | None = None
    recipe: dict[str, Any]
    parent: int | None
    force: bool = False
    created_at: int
    started_at: int | None
    finished_at: int | None


class JobEvent(BaseModel):
    """Something that happened to a job.

    The data of "metrics" is a `Progress`; that of a "message" has a `kind`: queued, running, budget (what
    takes time beside the recipe's `seconds`), embedding (so many passages are `done`, of a `total`), writing
    (questions about so many chosen passages), studied, too-short (the recipe's time was or, where that is
    `foreseen`, will be, by these figures), evaluated, trial (so many held-out questions were asked),
    published, succeeded, failed or cancelled. The last three end the job. "published" says whether the
    version was `promoted` to be the champion, with its `gate`, and what it `adds` to answers.
    """

    id: int
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: str
    type: Literal["message", "metrics"]
    message: str
    data: dict[str, Any]


class AddedJob(BaseModel):
    """The job that will learn another version."""

    job: Job
