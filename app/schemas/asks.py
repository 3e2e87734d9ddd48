"""Questions, and how they are to be answered."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from app.schemas.common import Request, Seed

Name = Annotated[str, Field(min_length=1, max_length=500)]
Names = Annotated[list[Name], Field(min_length=1, max_length=64)]
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
