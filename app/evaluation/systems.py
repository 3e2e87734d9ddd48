"""The systems that are compared: what each reads of a story, and who answers."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.answering.per_passage import ANSWER_TOKENS, PerPassage
from app.answering.reader_assignment import READERS
from app.answering.types import Candidate, Passage, PassageAnswer, Question
from app.answering.weighting import Weighting
from app.datasets.questions import LabelledQuestion, Story
from app.engine.engine import Engine
from app.engine.records import ChatTurn, DecodeRequest, MemberId, Prompt, Reading, TextLoss
from app.evaluation.combinations import SystemAnswer, mixture_loss, oracle, other_ways

SYSTEMS = (
    "bare",
    "rag",
    "gold",
    "skill",
    "skill_gold",
    "skill_closed",
    "member",
    "member_closed",
    "chorus",
    "skill_apart",
    "elsewhere",
    "skill_elsewhere",
)
# Those that have no skill.
BARE = frozenset({"bare", "rag", "gold"})
# Those whose members have to learn the story first.
LEARNED = ("member", "member_closed", "chorus", "elsewhere")
# Those that read the sections with the answer: where these are not known, they are not asked.
GOLD = ("gold", "skill_gold")
# The same readers asked the questions of another story.
ELSEWHERE = {"chorus": "elsewhere", "skill_apart": "skill_elsewhere"}
ORACLE = f"(oracle of {READERS})"
# What the LLM is told where no skill stands before it.
_INSTRUCTION = "Answer the question about the book in a few words, using the passages."
# Passages that are read in one context, where a system reads only one.
TOGETHER = 2
_SMALLER = (1, 2, 3, 4, 6)


class OpenStory:
    """A story that can be asked. What the LLM has read of it is kept from question to question.

    `bare` is an engine of the LLM without a skill: it answers where no skill is used, `engine` everywhere
    else. The chorus answers as the service answers a user: by `ensemble`, which reads the best passages
    apart. `members` are those that learned the story, none where no system needs them; `ranking` gives all
    sections of the story for a question, the best first.
    """

    def __init__(
        self,
        bare: Engine,
        engine: Engine,
        ensemble: PerPassage,
        weighting: Weighting,
        story: Story,
        book: str,
        members: Sequence[MemberId],
        ranking: Callable[[str], Sequence[Passage]],
    ) -> None:
        self._bare = bare
        self._engine = engine
        self._ensemble = ensemble
        self._weighting = weighting
        self._story = story
        self._nobody = MemberId(book)
        self._members = members
        self.ranking = ranking

    def answers(self, system: str, question: LabelledQuestion) -> dict[str, SystemAnswer]:
        """A system's answers, by the names of its variants."""
        ranked = self.ranking(question.text)
        best = sorted(passage.ordinal for passage in ranked[:TOGETHER])
        gold = sorted(question.gold)
        if system in BARE:
            sections: list[int] = {"bare": [], "rag": best, "gold": gold}[system]
            texts = [self._story.sections[section] for section in sections]
            content = "\n\n".join([*texts, f"Question: {question.text}"])
            return self._alone(self._bare, [system], [ChatTurn(_INSTRUCTION, content)], question)
        if system in ("skill", "skill_gold", "skill_closed"):
            sections = {"skill": best, "skill_gold": gold, "skill_closed": []}[system]
            readings = self._readings([self._nobody], sections, question)
            return self._alone(self._engine, [system], readings, question)
        if system in ("member", "member_closed"):
            sections = [] if system == "member_closed" else best
            count = len(self._members)
            names = [system] if count == 1 else [f"{system} {number + 1}" for number in range(count)]
            readings = self._readings(self._members, sections, question)
            return self._alone(self._engine, names, readings, question)
        members = self._members if system in LEARNED else [self._nobody] * READERS
        return self._chorus(system, members, question, ranked[:READERS])

    def _readings(
        self, members: Sequence[MemberId], sections: Sequence[int], question: LabelledQuestion
    ) -> list[Reading]:
        """Every member reads the same sections, in one context."""
        texts = tuple(self._story.sections[section] for section in sections)
        return [Reading(member, texts, question.text) for member in members]

    def _alone(
        self, engine: Engine, names: Sequence[str], prompts: Sequence[Prompt], question: LabelledQuestion
    ) -> dict[str, SystemAnswer]:
        """The likeliest answer to each prompt."""
        requests = [DecodeRequest(prompt, ANSWER_TOKENS) for prompt in prompts]
        replies = dict(engine.answer(requests))
        losses = _losses(engine, prompts, question)
        return {
            name: SystemAnswer(replies[number].text, losses[number].mean) for number, name in enumerate(names)
        }

    def _chorus(
        self,
        system: str,
        members: Sequence[MemberId],
        question: LabelledQuestion,
        passages: Sequence[Passage],
    ) -> dict[str, SystemAnswer]:
        """The best passages are read apart, each by its member. N readers are those of the N best."""
        asked = Question(question.text, adaptive=False)
        *_, candidates = self._ensemble.candidates(asked, members, passages)
        texts_by_id = {passage.id: passage.text for passage in passages}
        readings = [
            Reading(one.member, () if one.passage is None else (texts_by_id[one.passage],), question.text)
            for one in candidates
        ]
        losses = _losses(self._engine, readings, question)
        heard = _heard(candidates, passages)

        def combined(count: int) -> SystemAnswer:
            """The product's verdict on the first so many candidates."""
            weights = self._weighting.weights(heard[:count])
            chosen = [
                replace(one, weight=weight) for one, weight in zip(candidates[:count], weights, strict=True)
            ]
            verdict = self._ensemble.decide(asked, chosen, _read(chosen, passages))
            nll = mixture_loss(losses[:count], self._weighting.trust(heard[:count]))
            return SystemAnswer(verdict.answer, nll, verdict.confidence)

        whole = combined(len(candidates))
        answers = {system: whole}
        if system == "skill_apart":
            answers[f"{system} {ORACLE}"] = oracle(question, heard, losses)
        if system != "chorus":
            return answers
        answers[ORACLE] = oracle(question, heard, losses)
        for count in _SMALLER:
            if count < len(candidates):
                answers[f"chorus N={count}"] = combined(count)
        answers |= other_ways(heard, losses, whole, self._weighting)
        *_, mixed = self._ensemble.candidates(replace(asked, strategy="mixture"), members, passages)
        answers["chorus: mixture"] = SystemAnswer(mixed[0].text, whole.nll)
        return answers


def _losses(engine: Engine, prompts: Sequence[Prompt], question: LabelledQuestion) -> list[TextLoss]:
    """The first reference answer's loss behind each prompt."""
    return [judged.losses[0] for judged in engine.judge(prompts, question.answers[:1])]


def _heard(candidates: Sequence[Candidate], passages: Sequence[Passage]) -> list[PassageAnswer]:
    """The candidates as answers from passages, with their scores."""
    scores = {passage.id: max(0.0, passage.score) for passage in passages}
    return [
        PassageAnswer(
            one.text,
            one.answerable or 0.0,
            one.log_likelihood,
            0.0 if one.passage is None else scores[one.passage],
            one.right,
        )
        for one in candidates
    ]


def _read(candidates: Sequence[Candidate], passages: Sequence[Passage]) -> list[Passage]:
    """Those of the passages that the candidates are from."""
    ids = {one.passage for one in candidates}
    return [passage for passage in passages if passage.id in ids]
