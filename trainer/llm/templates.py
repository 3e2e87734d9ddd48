"""How a row behind a skill prompt is put into words: [skill][member][passages][question][answer].

A member reads the passages: between them and the question it would have to be learned not to be in the way.
What a member has read of a passage serves all questions about it.
"""

from collections.abc import Sequence

from trainer.llm.frozen_llm import FrozenLLM

# Where a skill prompt starts from: an instruction with two examples, as a hand-written prompt would be.
OPENING = (
    "Read the passage, then answer the question about it in a few words, taken from the passage where you"
    " can. Passage: The old miller kept a grey cat in the loft, because the rats ate his flour. Question: Why"
    " did the miller keep a cat? Answer: the rats ate his flour. Question: How did the miller feel about the"
    " rats? Answer: angry. If the passage does not answer the question, say nothing."
)
# A passage counts up to this many tokens: FairytaleQA's sections are nearly all shorter.
PASSAGE_TOKENS = 420
_ASKING = "Ask a question about it."


def opening(llm: FrozenLLM) -> list[int]:
    """Tokens of a hand-written instruction, up to where passages stand."""
    return llm.template(OPENING)[0]


def passages(llm: FrozenLLM, texts: Sequence[str], limit: int = PASSAGE_TOKENS) -> list[int]:
    """Tokens of passages, each cut to `limit` tokens."""
    gap = llm.encode("\n\n")
    return [token for text in texts for token in [*llm.encode(text)[:limit], *gap]]


def question(llm: FrozenLLM, text: str) -> list[int]:
    """Tokens that ask `text`, up to where the answer begins."""
    return [*llm.encode(f"Question: {text.strip()}"), *llm.template("")[1]]


def asking(llm: FrozenLLM) -> list[int]:
    """Tokens that ask for a question about the passages, up to where it begins."""
    return [*llm.encode(_ASKING), *llm.template("")[1]]


def answer(llm: FrozenLLM, text: str, limit: int | None = None) -> list[int]:
    """Tokens of an answer and its end; of the empty answer, the end alone: the passages do not tell."""
    return [*llm.encode(text)[:limit], end(llm)]


def first_line(text: str) -> str:
    """An answer is one line; what a rambling LLM adds below is none of it."""
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""


def end(llm: FrozenLLM) -> int:
    """The token that ends an answer. Raises ValueError when the LLM has none."""
    own = llm.tokenizer.eos_token_id
    if isinstance(own, int):
        return own
    if not llm.stop_tokens:
        raise ValueError("the LLM has no token that ends an answer")
    return min(llm.stop_tokens)
