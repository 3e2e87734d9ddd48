"""Fits the weighting on questions with known answers about stories that the skill did not learn from."""

from collections.abc import Callable, Sequence

import torch

from app.evaluation.data import Dataset
from app.evaluation.library import Library
from app.evaluation.metrics import rouge_l
from app.evaluation.sections import apart
from app.readers import READERS, Said, ask, listen, unlearned
from app.readings import Readings
from app.weighting import FEATURES, Weighting, features
from trainer.frozen import FrozenLLM
from trainer.skill import Skill

_PENALTY = 0.01


def fit(
    llm: FrozenLLM,
    skill: Skill,
    dataset: Dataset,
    library: Library,
    tell: Callable[[str], None] = lambda _: None,
) -> Weighting:
    """Ask every question of eight readers with a passage each, and fit what their answers were worth.

    Readers are unlearned members where the skill prompt has some to start from.
    """
    heard: list[tuple[list[Said], list[float]]] = []
    closed = skill.context(llm)
    for story in dataset.stories:
        readings = Readings(llm, closed)
        ranking = library.ranking(story.name)
        for question in (one for one in dataset.questions if one.story == story.name):
            found = ranking(question.text)[:READERS]
            voices = unlearned(story.name, skill)[: len(found)]
            readers = apart(readings, voices, story, found)
            said = listen(llm, ask(llm, readers, question.text), question.text)
            heard.append((said, [rouge_l(one.text, question.answers) for one in said]))
            tell(f"fits the weighting: {len(heard)} of {len(dataset.questions)} questions")
    return fitted(heard)


def fitted(heard: Sequence[tuple[Sequence[Said], Sequence[float]]]) -> Weighting:
    """The weighting under which the candidates' expected quality is highest, held near none by a penalty.

    `heard` are candidates of one question with the quality of each, from 0 to 1, question by question.
    """
    inputs = [torch.tensor(features(said)) for said, _ in heard]
    quality = [torch.tensor(scores, dtype=torch.float64) for _, scores in heard]
    spread = torch.cat(inputs).std(0, correction=0)
    spread[spread < 1e-6] = 1.0
    coefficients = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([coefficients], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimiser.zero_grad()
        gains = [
            (torch.softmax((values / spread) @ coefficients, 0) * scores).sum()
            for values, scores in zip(inputs, quality, strict=True)
        ]
        total = _PENALTY * coefficients.square().sum() - torch.stack(gains).mean()
        total.backward()
        return float(total.detach())

    optimiser.step(loss)
    found = (coefficients.detach() / spread).tolist()
    return Weighting(**dict(zip(FEATURES, found, strict=True)))
