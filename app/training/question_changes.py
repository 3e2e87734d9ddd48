"""Changes that people make to the questions of a book: checked, placed, and applied all or none."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.answering.question_check import QuestionError, check_answer, check_question
from app.training.study import same_question
from store import books, questions
from store.database import Database
from store.errors import NotFoundError
from store.passages import get_passages, passages_to_learn
from store.questions import NewQuestion
from store.search.index import PassageIndex
from store.tables import Passage, Question


@dataclass(frozen=True)
class Addition:
    """A person's own question with its answer, about the passage of this ordinal or one that is found."""

    text: str
    answer: str
    passage: int | None = None


@dataclass(frozen=True)
class Correction:
    """Other words for a question or for its answer; None leaves them."""

    id: str
    text: str | None = None
    answer: str | None = None


@dataclass(frozen=True)
class Removal:
    """The removal of a question."""

    id: str


Change = Addition | Correction | Removal


class ChangeError(ValueError):
    """A change cannot be made: the one of this number, counted from 0.

    `slug` is the stable name of the reason, `limits` what it broke.
    """

    def __init__(self, slug: str, message: str, change: int, limits: Mapping[str, int]) -> None:
        super().__init__(message)
        self.slug = slug
        self.change = change
        self.limits = limits


@dataclass(frozen=True)
class Changed:
    """What became of changes: the questions that were added or corrected, and the ids of those removed."""

    questions: Sequence[Question]
    removed: Sequence[str]


class QuestionChanges:
    """Applies changes to the questions of books in one store, whose passages `index` finds."""

    def __init__(self, database: Database, index: PassageIndex, count_tokens: Callable[[str], int]) -> None:
        self._database = database
        self._index = index
        self._count_tokens = count_tokens

    def apply(self, book_id: str, changes: Sequence[Change]) -> Changed:
        """Make all changes of a book's questions, one after the other, in one transaction.

        ChangeError: one has an empty or too long text, or no passage that is learned. NotFoundError: no such
        book, or no such question or passage of it. QuestionExistsError: the book has the question already.
        OldRevisionError: it is about an older text. Nothing is changed then.
        """
        changes = [self._checked(number, change) for number, change in enumerate(changes)]
        while True:
            with self._database.read() as session:
                texts = {
                    passage.id: " ".join(passage.text.split()).casefold()
                    for passage in passages_to_learn(session, book_id)
                }
                count = books.get(session, book_id).passage_count
            # The search embeds questions and may build the index, which no transaction that writes waits for.
            found = {
                number: self._found(number, book_id, change, texts, count)
                for number, change in enumerate(changes)
                if isinstance(change, Addition) and change.passage is None
            }
            with self._database.write() as session:
                # A new edition may have come in between: its passages are searched for again.
                if len(get_passages(session, list(set(found.values())))) == len(set(found.values())):
                    return _applied(session, book_id, changes, found)

    def _checked(self, number: int, change: Change) -> Change:
        """The change with its words in one line. ChangeError: they are none, or too many."""
        if isinstance(change, Removal):
            return change
        words: dict[str, str] = {}
        try:
            for name, check in (("text", check_question), ("answer", check_answer)):
                said: str | None = getattr(change, name)
                if said is not None:
                    words[name] = " ".join(said.split())
                    check(words[name], self._count_tokens)
        except QuestionError as error:
            raise ChangeError(error.slug, str(error), number, error.limits) from error
        if isinstance(change, Addition):
            return Addition(words["text"], words["answer"], change.passage)
        return Correction(change.id, words.get("text"), words.get("answer"))

    def _found(
        self, number: int, book_id: str, change: Addition, texts: Mapping[int, str], count: int
    ) -> int:
        """The id of the passage that ranks best for the question, of those that have the answer.

        `texts` are those of the passages that are learned, by id, in lower case and one line; the book has
        `count` passages in all.
        """
        answer = change.answer.casefold()
        having = {passage_id for passage_id, text in texts.items() if answer in text}
        if having:
            for hit in self._index.search(change.text, count, [book_id]):
                if hit.passage_id in having:
                    return hit.passage_id
        message = (
            "No passage of the book that is learned has this answer: name the passage, or use its words."
        )
        raise ChangeError("answer-not-in-book", message, number, {})


def _applied(session: Session, book_id: str, changes: Sequence[Change], found: Mapping[int, int]) -> Changed:
    learned = {passage.ordinal: passage for passage in passages_to_learn(session, book_id)}
    by_id = {passage.id: passage for passage in learned.values()}
    changed: dict[str, Question] = {}
    removed = []
    for number, change in enumerate(changes):
        if isinstance(change, Removal):
            questions.remove(session, book_id, change.id)
            changed.pop(change.id, None)
            removed.append(change.id)
            continue
        if isinstance(change, Correction):
            row = _corrected(session, book_id, change)
        elif change.passage is None:
            row = _added(session, book_id, change, by_id[found[number]])
        elif change.passage in learned:
            row = _added(session, book_id, change, learned[change.passage])
        elif 0 <= change.passage < books.get(session, book_id).passage_count:
            message = f"Passage {change.passage} is front or back matter, which is not learned."
            raise ChangeError("passage-not-learned", message, number, {})
        else:
            raise NotFoundError("passage", f"{change.passage} of book {book_id}")
        changed[row.id] = row
    return Changed(list(changed.values()), removed)


def _corrected(session: Session, book_id: str, change: Correction) -> Question:
    before = questions.changeable(session, book_id, change.id)
    text = before.text if change.text is None else change.text
    answer = before.answer if change.answer is None else change.answer
    return questions.correct(session, book_id, change.id, text=text, answer=answer, key=same_question(text))


def _added(session: Session, book_id: str, change: Addition, passage: Passage) -> Question:
    new = NewQuestion(passage, change.text, change.answer, same_question(change.text))
    return questions.add(session, book_id, new)
