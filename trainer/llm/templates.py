"""The tokens of the parts of a row after a skill: [skill][member][passages][question][answer].

The context of a passage serves all questions about it. A member in front of the passages changes how they are
read; one behind them, [skill][passages][member][question][answer], leaves their context to all members.
"""

from collections.abc import Sequence

from trainer.llm.frozen_llm import FrozenLLM

# What a skill is initialised from: a hand-written instruction with two examples.
OPENING = (
    "Read the passage, then answer the question about it in a few words, taken from the passage where you"
    " can. Passage: The old miller kept a grey cat in the loft, because the rats ate his flour. Question: Why"
    " did the miller keep a cat? Answer: the rats ate his flour. Question: How did the miller feel about the"
    " rats? Answer: angry. If the passage does not answer the question, say nothing."
)
# A passage is cut to this many tokens; nearly all sections of FairytaleQA are shorter.
PASSAGE_TOKENS = 420
_ASKING = "Ask a question about it."


def opening(llm: FrozenLLM) -> list[int]:
    """Tokens of the hand-written instruction, up to where passages begin."""
    return llm.template(OPENING)[0]


def turn_start(llm: FrozenLLM) -> list[int]:
    """Tokens of the beginning of a user's turn, where the skill needs no instruction."""
    return llm.template(None)[0]


def passages(llm: FrozenLLM, texts: Sequence[str], limit: int = PASSAGE_TOKENS) -> list[int]:
    """Tokens of passages, each cut to `limit` tokens."""
    gap = llm.encode("\n\n")
    return [token for text in texts for token in [*llm.encode(text)[:limit], *gap]]


def question(llm: FrozenLLM, text: str) -> list[int]:
    """Tokens of the question `text`, up to where its answer begins."""
    return [*llm.encode(f"Question: {text.strip()}"), *llm.template("")[1]]


def asking(llm: FrozenLLM, kind: str | None = None) -> list[int]:
    """Tokens that ask for a question about the passages, of this kind, up to where that question begins."""
    words = _ASKING if kind is None else f"{_ASKING} It is about: {kind}."
    return [*llm.encode(words), *llm.template("")[1]]


def question_with_answer(llm: FrozenLLM, question: str, text: str) -> list[int]:
    """Tokens of what an asker says: a question, and its answer on the next line."""
    return answer(llm, f"{question.strip()}\n{text.strip()}")


def answer(llm: FrozenLLM, text: str, limit: int | None = None) -> list[int]:
    """Tokens of an answer and its end. The empty answer, where passages do not say, is the end alone."""
    return [*llm.encode(text)[:limit], end(llm)]


def first_line(text: str) -> str:
    """The first line of a text: an answer is one line, whatever an LLM adds below it."""
    lines = text.strip().splitlines()
    return lines[0].strip() if lines else ""


def verdicts(llm: FrozenLLM) -> tuple[int, int]:
    """The tokens that say, after an answer and its end, that it is right, and that it is wrong."""
    return llm.encode("yes")[0], llm.encode("no")[0]


def end(llm: FrozenLLM) -> int:
    """The token that ends an answer. Raises ValueError when the LLM has none."""
    end_of_text = llm.tokenizer.eos_token_id
    if isinstance(end_of_text, int):
        return end_of_text
    if not llm.stop_tokens:
        raise ValueError("the LLM has no token that ends an answer")
    return min(llm.stop_tokens)
