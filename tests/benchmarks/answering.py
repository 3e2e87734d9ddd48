"""What an answer costs: one member, all in one batch, in waves, one after the other with PEFT, in one run.

    .venv/bin/python -m tests.benchmarks.answering --data PATH [--questions 20] [--plot FILE]

PATH is a split of FairytaleQA; the story is the one nearest to 2,000 tokens that has enough questions.
Members are the eight that every book starts from; eight passages are read, by one member or by all. PEFT
does the same work as all: for every member its adapter is set, and `generate` reads the same passage and
question and says as many tokens; it has no skill to read. All are timed question by question, each
with what it has kept of earlier questions.

Then sixteen questions over four books, all at once and one after the other.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import peft
import torch

from app.answering.per_passage import WAVES, PerPassage
from app.answering.reader_assignment import READERS
from app.answering.skill import LoadedSkill, shipped_skill
from app.answering.types import Candidate, Question
from app.datasets.library import Library
from app.datasets.loading import load_dataset
from app.datasets.questions import Dataset, Story
from app.engine.embedder import Embedder, WheelEmbedder
from app.engine.local_engine import LocalEngine
from app.engine.records import MemberId
from app.engine.scheduler import Scheduler
from app.settings import Settings
from trainer.llm import templates
from trainer.llm.frozen_llm import FrozenLLM
from trainer.llm.loading import load
from trainer.methods.prompt import blank_prompts

TOKENS = 2_000


class Members:
    """Eight PEFT prompt adapters on the LLM."""

    def __init__(self, llm: FrozenLLM, prompts: torch.Tensor) -> None:
        self._llm = llm
        config = peft.PromptTuningConfig(
            task_type=peft.TaskType.CAUSAL_LM, num_virtual_tokens=prompts.shape[1], inference_mode=True
        )
        self._model: Any = peft.get_peft_model(llm.model, config, "0")
        for number, prompt in enumerate(prompts):
            if number > 0:
                self._model.add_adapter(str(number), config)
            encoder: Any = self._model.prompt_encoder[str(number)]
            encoder.embedding.weight.data.copy_(prompt)

    def answer(self, said: Sequence[Candidate], passages: dict[int, str], question: str) -> None:
        """Say as much as each candidate did, having read what it read."""
        for candidate in said:
            assert candidate.passage is not None
            texts = templates.passages(self._llm, [passages[candidate.passage]])
            ids = torch.tensor([[*texts, *templates.question(self._llm, question)]])
            length = self._llm.count_tokens(candidate.text) + 1
            self._model.set_adapter(str(candidate.member.member))
            self._model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=length,
                min_new_tokens=length,
                do_sample=False,
                pad_token_id=0,
            )


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_story(
    llm: FrozenLLM, skill: LoadedSkill, embedder: Embedder, dataset: Dataset, library: Library, count: int
) -> dict[str, list[float]]:
    """Seconds of each way for each question about the story nearest to `TOKENS`."""
    asked = {
        name: [question.text for question in own]
        for name, own in groupby(dataset.questions, lambda question: question.story)
    }
    enough = [story for story in dataset.stories if len(asked.get(story.name, [])) >= count]
    story = min(enough, key=lambda each: abs(sum(llm.count_tokens(text) for text in each.sections) - TOKENS))
    ranking = library.ranking(story)
    assert skill.skill.starts is not None
    members = Members(llm, skill.skill.starts)
    scheduler = Scheduler(llm)
    everybody = LocalEngine(scheduler, skill=skill.skill).starting_members(library.book(story.name))

    def strategy(waves: Sequence[int] = ()) -> PerPassage:
        """One that has read nothing yet."""
        return PerPassage(LocalEngine(scheduler, skill=skill.skill), skill, embedder, waves=waves)

    strategies = {
        "one member, one passage": (strategy(), everybody[:1]),
        "one member": (strategy(), everybody[:1]),
        "all in a batch": (strategy(), everybody),
        "in waves": (strategy(WAVES), everybody),
    }
    seconds: dict[str, list[float]] = {way: [] for way in (*strategies, "one by one (PEFT)")}
    tokens = 0
    for question in asked[story.name][:count]:
        found = ranking(question)[:READERS]
        passages = {passage.id: passage.text for passage in found}
        said: dict[str, list[Candidate]] = {}
        for way, (asked_by, who) in strategies.items():

            def answer(way: str = way, asked_by: PerPassage = asked_by, who: list[MemberId] = who) -> None:
                read = found[:1] if way.endswith("one passage") else found  # noqa: B023
                *_, said[way] = asked_by.candidates(Question(question), who, read)  # noqa: B023

            seconds[way].append(timed(answer))
        everyone = said["all in a batch"]
        tokens += sum(llm.count_tokens(each.text) + 1 for each in everyone)
        seconds["one by one (PEFT)"].append(timed(lambda: members.answer(everyone, passages, question)))  # noqa: B023
    scheduler.close()
    print(f"{story.name}: {count} questions, {tokens} tokens of answers by eight members")
    for way, own in seconds.items():
        speed = (
            f", {tokens / sum(own):.1f} tokens/s" if way in ("all in a batch", "one by one (PEFT)") else ""
        )
        print(f"  {way}: median {statistics.median(own):.2f} s, mean {statistics.mean(own):.2f} s{speed}")
    return seconds


def four_books(
    llm: FrozenLLM, skill: LoadedSkill, embedder: Embedder, dataset: Dataset, library: Library
) -> dict[str, float]:
    """Seconds for sixteen questions over four books, at once and one after the other."""
    work = [
        (story, question.text)
        for story in dataset.stories[:4]
        for question in [each for each in dataset.questions if each.story == story.name][:4]
    ]
    found = {text: library.ranking(story)(text)[:READERS] for story, text in work}
    scheduler = Scheduler(llm)
    seconds = {}
    for way, threads in (("one after the other", 1), ("at once", len(work))):
        strategy = PerPassage(LocalEngine(scheduler, skill=skill.skill), skill, embedder)

        def answer(asked: tuple[Story, str], strategy: PerPassage = strategy) -> None:
            story, text = asked
            members = strategy.unlearned(library.book(story.name))
            list(strategy.candidates(Question(text), members, found[text]))

        with ThreadPoolExecutor(threads) as pool:
            seconds[way] = timed(lambda: list(pool.map(answer, work)))
        print(f"  16 questions over 4 books, {way}: {seconds[way]:.1f} s", flush=True)
    scheduler.close()
    return seconds


def draw(seconds: dict[str, list[float]], file: Path) -> None:
    """Draw what each question took."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for way, own in seconds.items():
        axes.plot(range(1, len(own) + 1), own, marker="o", markersize=3, label=way)
    axes.set(xlabel="question", ylabel="seconds (log)", yscale="log")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)


def main() -> None:
    """Print medians and ratios, and a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--plot", type=Path)
    asked = parser.parse_args()
    llm = load(cache_dir=Settings().cache_dir)
    found = shipped_skill(llm.identity.id)
    assert found is not None
    found.skill.equip(llm)
    # What members say does not matter to the time that they take.
    skill = replace(found, skill=replace(found.skill, starts=blank_prompts(llm, 8, 100, 0)))
    dataset, embedder = load_dataset(asked.data), WheelEmbedder()
    with TemporaryDirectory() as folder:
        library = Library(dataset.stories, Path(folder), embedder)
        seconds = one_story(llm, skill, embedder, dataset, library, asked.questions)
        together = four_books(llm, skill, embedder, dataset, library)
        library.close()
    least, one, batch, waves, apart = (statistics.mean(own) for own in seconds.values())
    ratios = {
        "all / one with one passage": batch / least,
        "all / one": batch / one,
        "waves / one": waves / one,
        "PEFT / all": apart / batch,
        "PEFT / waves": apart / waves,
        "one after the other / at once": together["one after the other"] / together["at once"],
    }
    print("  ".join(f"{name}: {ratio:.2f}" for name, ratio in ratios.items()))
    print(json.dumps({"seconds": seconds, "together": together, "ratios": ratios}))
    if asked.plot:
        draw(seconds, asked.plot)


if __name__ == "__main__":
    main()
