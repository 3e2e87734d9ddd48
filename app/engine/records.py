"""What crosses the engine's door: ids, texts and numbers, so that another process could stand behind it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemberId:
    """A member of a version of a book.

    Without a version, `member` is a member as the skill lets it start, before it has learned a book. Without
    both it is the bare LLM.
    """

    book: str
    version: int | None = None
    member: int | None = None


@dataclass(frozen=True)
class Roster:
    """Who can answer for a version: its whole members, and the numbers of those that are damaged.

    `refused` says why the LLM cannot use the version at all, None where it can.
    """

    members: tuple[MemberId, ...] = ()
    damaged: tuple[int, ...] = ()
    refused: str | None = None


@dataclass(frozen=True)
class Reading:
    """A member reads passages in one context behind the skill, and is asked a question about them."""

    member: MemberId
    passages: tuple[str, ...]
    question: str


@dataclass(frozen=True)
class ChatTurn:
    """The bare LLM is given one turn of a chat, an instruction with its content. No skill is used."""

    instruction: str
    content: str


Prompt = Reading | ChatTurn


@dataclass(frozen=True)
class DecodeRequest:
    """One answer to decode, of at most `most_tokens`.

    Temperature 0 takes the likeliest tokens; else they are drawn with `seed`. Requests of one call with the
    same number as their `mixture` say one thing together: each token comes from the average of what all would
    say, weighted by their `share`. A `judged` answer comes with how probable it is that it is right.
    """

    prompt: Prompt
    most_tokens: int
    temperature: float = 0.0
    seed: int = 0
    mixture: int | None = None
    share: float = 1.0
    judged: bool = False


@dataclass(frozen=True)
class Reply:
    """What was decoded: the first line of text, and its log-likelihood, mean per token in nats.

    Of a reading, `answerable` is the probability that its passages answer the question at all, and the
    likelihood that of the answer given that they do; of a chat turn `answerable` is None. `right` is the
    probability that the answer is right, None where that was not asked.
    """

    text: str
    log_likelihood: float
    answerable: float | None
    right: float | None = None


@dataclass(frozen=True)
class TextLoss:
    """The loss of a given answer, in nats over all its tokens, and the number of tokens."""

    loss: float
    tokens: int

    @property
    def mean(self) -> float:
        """Nats per token."""
        return self.loss / max(1, self.tokens)


@dataclass(frozen=True)
class Judgement:
    """How likely given answers are to a prompt; `answerable` as in `Reply`.

    Of a reading, the losses are those of an answer given that the passages answer the question.
    """

    answerable: float | None
    losses: tuple[TextLoss, ...]
