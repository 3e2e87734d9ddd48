"""What the members of a version are like."""

from pydantic import BaseModel


class Word(BaseModel):
    """The vocabulary's token nearest to one virtual token, and its cosine; or to how many."""

    id: int
    text: str
    position: int | None = None
    cosine: float | None = None
    count: int = 1


class Norms(BaseModel):
    """Norms of embeddings."""

    mean: float
    least: float
    most: float


class MemberLook(BaseModel):
    """A member's first virtual tokens in words, the words most often nearest, and its norms.

    Prefixes and LoRA have no words; their norms are those of a position's keys and values, or of all
    numbers. `moved` is the mean distance of these from where they started, null where that is not known.
    """

    member: int
    first: list[Word]
    frequent: list[Word]
    norms: Norms
    moved: float | None


class Inspection(BaseModel):
    """What the members of a version are like.

    `vocabulary_norm` is the mean norm of the LLM's own embeddings; `similarity` the mean cosine of each two
    of the `members`, position by position, in their order. Damaged members are left out.
    """

    book: str
    book_title: str
    number: int
    method: str
    virtual_tokens: int
    vocabulary_norm: float
    members: list[MemberLook]
    similarity: list[list[float]]
