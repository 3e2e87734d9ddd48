from collections.abc import Sequence
from pathlib import Path
from threading import Event

from app.answering.per_passage import PerPassage
from app.answering.pipeline import Answering
from app.answering.retrieval import Retrieval
from app.answering.skill import LoadedSkill
from app.answering.types import Answer, Question, Retrieved
from app.engine.local_engine import LocalEngine
from app.engine.member_cache import MemberCache
from app.engine.runner import DirectRunner
from app.engine.scheduler import Scheduler
from store import revisions
from store.books import add
from store.search.index import Hit, PassageIndex
from tests.app.training.test_job_runner import edition
from tests.databases import new_database
from tests.store.conftest import Embedder
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM


def test_a_new_edition_that_comes_while_passages_are_sought_is_what_is_cited(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    class Late(PerPassage):
        """The edition comes when passages of the old one have been found."""

        def search(
            self, index: PassageIndex, question: str, k: int | None, books: Sequence[str]
        ) -> list[Hit]:
            hits = super().search(index, question, k, books)
            with database.write() as session:
                revisions.add(session, books[0], edition(text))
            return hits

    text = STORY.replace("butter", "candles")
    database, embedder = new_database(tmp_path / "books.db"), Embedder()
    with database.write() as session:
        add(session, edition(STORY), title="The Lamp of Ost")
    index = PassageIndex(database, tmp_path / "index", embedder, embedder.name)
    index.complete()
    engine = LocalEngine(DirectRunner(llm), MemberCache(database, llm), skill=skill.skill)
    answering = Answering(database, Retrieval(database, index), engine, Late(engine, skill, embedder))
    answer = answering.answer(Question("What did the baker say?", seed=0))
    passages = [citation.passage for citation in answer.citations]
    assert passages
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
    assert any("candles" in passage.text for passage in passages)
    places = [(-one.share, one.support is None, -one.passage.score) for one in answer.citations]
    assert places == sorted(places)
    database.close()


def test_the_first_event_of_an_ask_comes_while_a_pass_of_training_runs(
    llm: FrozenLLM, skill: LoadedSkill, tmp_path: Path
) -> None:
    database, embedder = new_database(tmp_path / "books.db"), Embedder()
    with database.write() as session:
        add(session, edition(STORY), title="The Lamp of Ost")
    index = PassageIndex(database, tmp_path / "index", embedder, embedder.name)
    index.complete()
    scheduler = Scheduler(llm)
    engine = LocalEngine(scheduler, MemberCache(database, llm), skill=skill.skill)
    answering = Answering(database, Retrieval(database, index), engine, PerPassage(engine, skill, embedder))
    runs, go_on = Event(), Event()

    def training() -> None:
        runs.set()
        go_on.wait()

    trained = scheduler.queue_training(training)
    runs.wait()
    events = answering.events(Question("What did the baker say?", seed=0))
    assert isinstance(next(events), Retrieved)
    assert not trained.done()
    go_on.set()
    *_, last = events
    assert isinstance(last, Answer)
    scheduler.close()
    database.close()
