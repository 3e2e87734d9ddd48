from collections.abc import Sequence
from pathlib import Path

from app.answering.pipeline import Answering
from app.answering.shared_context import Together
from app.engine.engine import Engine
from app.engine.member_cache import Choruses
from app.schemas import AskRequest
from store import books, revisions
from store.database import Database
from store.search.index import Hit, PassageIndex
from tests.app.training.test_job_runner import edition
from tests.store.conftest import Embedder
from tests.tiny import STORY
from trainer.llm.frozen_llm import FrozenLLM


def test_a_new_edition_that_comes_while_passages_are_sought_is_what_is_cited(
    llm: FrozenLLM, tmp_path: Path
) -> None:
    class Late(Together):
        """The edition comes when passages of the old one have been found."""

        def find(self, index: PassageIndex, question: str, k: int | None, within: Sequence[str]) -> list[Hit]:
            hits = super().find(index, question, k, within)
            with database.write() as session:
                revisions.add(session, within[0], edition(text))
            return hits

    text = STORY.replace("butter", "candles")
    database, embedder = Database(f"sqlite:///{tmp_path / 'books.db'}"), Embedder()
    database.migrate()
    with database.write() as session:
        books.add(session, edition(STORY), title="The Lamp of Ost")
    index = PassageIndex(database, tmp_path / "index", embedder, embedder.name)
    engine = Engine(llm)
    choruses = Choruses(database, llm)
    answering = Answering(database, index, engine, choruses, Late(engine, embedder))
    answer = answering.answer(AskRequest(question="What did the baker say?", seed=0))
    assert answer.citations
    for citation in answer.citations:
        assert text[citation.start : citation.end] == citation.text
    assert any("candles" in citation.text for citation in answer.citations)
    engine.close()
    database.close()
