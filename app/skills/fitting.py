"""Fits the weighting on questions with known answers about stories that the skill did not learn from."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from app.chorus import Voice
from app.evaluation.data import Dataset
from app.evaluation.library import Library
from app.evaluation.metrics import rouge_l
from app.readers import READERS, Reader, Said, ask, listen
from app.weighting import FEATURES, Weighting, consensus, features
from trainer import turns
from trainer.context import Context, read
from trainer.frozen import FrozenLLM
from trainer.skill import Skill

_PASSAGE_TOKENS = 420
_SHARPNESS = (1.0, 2.0, 3.0, 4.0, 6.0)


def fit(
    llm: FrozenLLM,
    skill: Skill,
    dataset: Dataset,
    library: Library,
    tell: Callable[[str], None] = lambda _: None,
) -> Weighting:
    """Ask every question of eight readers with a passage each, and fit what their answers were worth."""
    heard: list[tuple[list[Said], list[float]]] = []
    closed = skill.context(llm)
    for story in dataset.stories:
        contexts: dict[int, Context] = {}
        ranking = library.ranking(story.name)
        for question in (one for one in dataset.questions if one.story == story.name):
            found = ranking(question.text)[:READERS]
            missing = [section for section, _ in found if section not in contexts]
            if missing:
                texts = [
                    turns.passages(llm, [story.sections[section]], _PASSAGE_TOKENS) for section in missing
                ]
                contexts.update(zip(missing, read(llm, texts, closed), strict=True))
            readers = [
                Reader(Voice(story.name), story.sections[section], contexts[section], score, rank)
                for rank, (section, score) in enumerate(found)
            ]
            said = listen(llm, ask(llm, readers, question.text), question.text, closed)
            heard.append((said, [rouge_l(one.text, question.answers) for one in said]))
            tell(f"fits the weighting: {len(heard)} of {len(dataset.questions)} questions")
    return fitted(heard)


def fitted(heard: Sequence[tuple[Sequence[Said], Sequence[float]]]) -> Weighting:
    """The weighting under which consensus chose best among candidates of known quality."""
    values = np.concatenate([features(said) for said, _ in heard])
    quality = np.concatenate([np.array(scores) for _, scores in heard])
    model = _logistic(values, quality)
    coefficients = dict(zip(FEATURES, (float(value) for value in model.coef_[0]), strict=True))
    base = Weighting(coefficients=coefficients, intercept=float(model.intercept_[0]))
    worth = {}
    for sharpness in _SHARPNESS:
        chosen = []
        for said, scores in heard:
            weights = [value**sharpness for value in base.expected(said)]
            each = consensus([one.text for one in said], weights)
            chosen.append(scores[max(range(len(each)), key=each.__getitem__)])
        worth[sharpness] = sum(chosen) / len(chosen)
    return base.model_copy(update={"sharpness": max(worth, key=lambda one: worth[one])})


def _logistic(values: NDArray[np.float64], quality: NDArray[np.float64]) -> LogisticRegression:
    """A logistic regression on soft targets: each candidate counts as right by its quality, else as wrong."""
    twice = np.concatenate([values, values])
    right = np.concatenate([np.ones(len(values)), np.zeros(len(values))])
    model = LogisticRegression(max_iter=5000)
    model.fit(twice, right, sample_weight=np.concatenate([quality, 1 - quality]))
    return model
