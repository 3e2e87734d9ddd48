"""The systems that are compared: what each reads of a story, who answers, and how answers become one."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from app.answering.calibration import elected
from app.answering.context_cache import Readings
from app.answering.prompt import INSTRUCTION
from app.answering.readers import ANSWER_TOKENS, Reader, Reference, Said, ask, judge, listen, mixed, rows
from app.answering.skill import LoadedSkill
from app.answering.voting import normalised
from app.answering.weighting import consensus
from app.datasets.metrics import exact_match, rouge_l, token_f1
from app.datasets.questions import Question, Story
from app.engine.member_cache import Voice
from app.evaluation.predictions import Prediction
from app.evaluation.sections import apart
from trainer.llm import templates
from trainer.llm.batch_types import Exchange, Pack, Row
from trainer.llm.decoding import decode
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.packing import pack_losses
from trainer.methods.members import Members

SYSTEMS = (
    "bare",
    "rag",
    "gold",
    "skill",
    "skill_gold",
    "member",
    "member_closed",
    "chorus",
    "skill_apart",
    "elsewhere",
)
# Passages that are read in one context, where a system reads only one.
TOGETHER = 2


@dataclass(frozen=True)
class Answered:
    """One answer and the mean loss of the reference answer, nats per token."""

    text: str
    nll: float
    confidence: float | None = None


class OpenStory:
    """A story that can be asked: what the LLM has read of it is kept from question to question.

    `readers` is how many sections are read apart; `ranking` gives the sections that fit a question,
    best first, with their scores.
    """

    def __init__(
        self,
        llm: FrozenLLM,
        skill: LoadedSkill,
        story: Story,
        members: Members | None,
        readers: int,
        ranking: Callable[[str], Sequence[tuple[int, float]]],
    ) -> None:
        self._llm = llm
        self._skill = skill
        self._story = story
        self._voices = (
            [Voice(story.name)]
            if members is None
            else [Voice(story.name, 1, number, members[[number]]) for number in range(len(members))]
        )
        self._readers = readers
        self._readings = Readings(llm, skill.skill.context(llm))
        self.ranking = ranking

    def answers(self, system: str, question: Question) -> dict[str, Answered]:
        """What a system answers: by the name of each of the ways in which it does."""
        found = self.ranking(question.text)
        best = [section for section, _ in found[:TOGETHER]]
        if system in ("bare", "rag", "gold"):
            sections = {"bare": [], "rag": best, "gold": question.gold}[system]
            return {system: self._bare(question, sorted(sections))}
        if system in ("skill", "skill_gold"):
            sections = question.gold if system == "skill_gold" else best
            return self._each(system, [Voice(self._story.name)], question, sorted(sections))
        if system in ("member", "member_closed"):
            sections = [] if system == "member_closed" else best
            return self._each(system, self._voices, question, sorted(sections))
        learned = system in ("chorus", "elsewhere")
        voices = self._voices if learned else [Voice(self._story.name)] * self._readers
        return self._chorus(system, voices, question, found)

    def _bare(self, question: Question, sections: Sequence[int]) -> Answered:
        passages = [self._story.sections[section] for section in sections]
        content = "\n\n".join([*passages, f"Question: {question.text}"])
        turn = self._llm.instruct(INSTRUCTION, content)
        [completion] = decode(self._llm, [Row(None, turn, ANSWER_TOKENS)])
        answer = self._llm.encode(question.answers[0])
        with torch.no_grad():
            [[losses]] = pack_losses(self._llm, [Pack([Exchange(turn, answer)])])
        return Answered(templates.first_line(self._llm.text(completion.tokens)), float(losses.mean()))

    def _each(
        self, system: str, voices: Sequence[Voice], question: Question, sections: Sequence[int]
    ) -> dict[str, Answered]:
        """Every voice reads the same sections, in one context."""
        texts = [self._story.sections[section] for section in sections]
        contexts = self._readings.of(voices, [texts] * len(voices))
        asked = ask(self._llm, list(map(Reader, voices, contexts)), question.text)
        said = listen(self._llm, asked, question.text)
        losses = self._losses(asked, question)
        names = [system] if len(voices) == 1 else [f"{system} {number + 1}" for number in range(len(voices))]
        return {
            name: Answered(one.text, loss.loss / loss.tokens)
            for name, one, loss in zip(names, said, losses, strict=True)
        }

    def _chorus(
        self, system: str, voices: Sequence[Voice], question: Question, found: Sequence[tuple[int, float]]
    ) -> dict[str, Answered]:
        """The best sections are read apart; N readers are those of the N best."""
        readers = apart(self._readings, voices, self._story, found[: self._readers])
        asked = ask(self._llm, readers, question.text)
        said = listen(self._llm, asked, question.text)
        losses = self._losses(asked, question)
        answers = {system: self._combined(said, losses)}
        if system != "chorus":
            return answers
        for members in (1, 2, 3, 4, 6):
            if members < len(said):
                answers[f"chorus N={members}"] = self._combined(said[:members], losses[:members])
        texts = [one.text for one in said]
        ways = {
            "vote": [1.0] * len(said),
            "likelihood": [one.answerable * math.exp(one.log_likelihood) for one in said],
            "likelihood x retrieval": [
                one.answerable * math.exp(one.log_likelihood) * one.retrieval for one in said
            ],
        }
        for way, weights in ways.items():
            chosen = _best(consensus(texts, weights))
            nll = mixture_loss(losses, weights)
            answers[f"chorus: {way}"] = Answered(texts[chosen], nll, weights[chosen] / sum(weights))
        weights = self._skill.weighting.weights(said)
        answers["chorus: share"] = replace(
            answers[system], confidence=_share(answers[system].text, texts, weights)
        )
        chosen = _best(weights)
        answers["chorus: best alone"] = Answered(
            texts[chosen], losses[chosen].loss / losses[chosen].tokens, weights[chosen]
        )
        shares = self._skill.weighting.shares([one.retrieval for one in said])
        last = templates.question(self._llm, question.text)[-1:]
        [spoken, *_] = decode(self._llm, mixed(rows(self._llm, asked, last), shares))
        text = templates.first_line(self._llm.text(spoken.tokens))
        answers["chorus: mixture"] = Answered(text, answers[system].nll)
        scores = [rouge_l(text, question.answers) for text in texts]
        answers["(oracle of 8)"] = Answered(
            texts[_best(scores)], min(one.loss / one.tokens for one in losses)
        )
        return answers

    def _losses(self, asked: Sequence[Reader], question: Question) -> list[Reference]:
        """The first reference answer's, to each reader."""
        judged = judge(self._llm, asked, question.text, question.answers[:1])
        return [one.references[0] for one in judged]

    def _combined(self, said: Sequence[Said], losses: Sequence[Reference]) -> Answered:
        """Consensus under the learned weights, which is what the product does."""
        weights = self._skill.weighting.weights(said)
        chosen, evidence = elected(said, weights, max(one.retrieval for one in said))
        nll = mixture_loss(losses, self._skill.weighting.trust(said))
        known = self._skill.calibration
        confidence = evidence.worth if known is None else known.confidence(evidence)
        return Answered(said[chosen].text, nll, confidence)


def mixture_loss(losses: Sequence[Reference], weights: Sequence[float]) -> float:
    """Loss per token of the weighted mixture of the readers' distributions over answers.

    RAG-Sequence's marginal over passages (2005.11401), the learned weights standing for its retriever.
    """
    total = sum(weights)
    terms = [
        math.log(max(weight / total, 1e-12)) - loss.loss for weight, loss in zip(weights, losses, strict=True)
    ]
    top = max(terms)
    return -(top + math.log(sum(math.exp(term - top) for term in terms))) / losses[0].tokens


def predictions(
    opened: OpenStory, system: str, question: Question, book_hit: bool | None
) -> list[Prediction]:
    """The measured answers of a system to a question; of several members, their average too."""
    started = time.monotonic()
    answers = opened.answers(system, question)
    seconds = time.monotonic() - started
    ranks = None
    if question.gold and system != "elsewhere":
        order = [section for section, _ in opened.ranking(question.text)]
        ranks = sorted(order.index(section) + 1 for section in question.gold if section in order)
    measured = [
        Prediction(
            system=name,
            story=question.story,
            question=question.number,
            answer=answer.text,
            nll=answer.nll,
            confidence=answer.confidence,
            seconds=seconds,
            book_hit=book_hit,
            passage_ranks=ranks,
            rouge_l=rouge_l(answer.text, question.answers),
            token_f1=token_f1(answer.text, question.answers),
            exact_match=exact_match(answer.text, question.answers),
        )
        for name, answer in answers.items()
    ]
    members = [one for one in measured if one.system.startswith(f"{system} ") and system.startswith("member")]
    if members:
        fields = ("nll", "rouge_l", "token_f1", "exact_match")
        means = {field: sum(getattr(one, field) for one in members) / len(members) for field in fields}
        measured.insert(0, members[0].model_copy(update={"system": system, **means}))
    return measured


def _share(answer: str, texts: Sequence[str], weights: Sequence[float]) -> float:
    """The weight of those that say the answer."""
    said = normalised(answer)
    return min(
        1.0, sum(weight for text, weight in zip(texts, weights, strict=True) if normalised(text) == said)
    )


def _best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
