"""Checks the vectors of passages, and the index that is built from them."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from sqlalchemy import func, select

from store.search.library_index import LibraryIndex, PassageState, UnusableIndexError, read_state
from store.search.vector_bytes import decode_vector, is_valid_vector
from store.tables import Book, Embedding, Passage
from store.verify.context import CheckContext
from store.verify.finding import Finding

_REBUILD = "Run: bookchorus rebuild"
_CHUNK = 1000


def check(context: CheckContext) -> Iterator[Finding]:
    """Check the vectors of books that have all of theirs, and that the index has the same ones.

    Every vector has the common dimension. A book that a worker is still to embed lacks some for a reason.
    """
    state = read_state(context.session, context.embedder)
    if state.passages == 0:
        return
    yield from _missing(context)
    yield from _damaged(context)
    yield from _index(context, state)


def _missing(context: CheckContext) -> Iterator[Finding]:
    vector = select(Embedding.passage_id).where(
        Embedding.passage_id == Passage.id, Embedding.embedder == context.embedder
    )
    rows = context.session.execute(
        select(Passage.book_id, func.count(), func.min(Passage.ordinal))
        .join(Book, Book.id == Passage.book_id)
        .where(Book.embedder == context.embedder, ~vector.exists())
        .group_by(Passage.book_id)
        .order_by(Passage.book_id)
    )
    for book, count, first in rows:
        what = f"{count} passages of book {book} have no vector, the first is passage {first}."
        yield Finding("vector", what, _REBUILD)


def _damaged(context: CheckContext) -> Iterator[Finding]:
    size = func.length(Embedding.vector)
    by_embedder = Embedding.embedder == context.embedder
    sizes: Counter[int] = Counter(
        dict(context.session.execute(select(size, func.count()).where(by_embedder).group_by(size)).all())
    )
    if not sizes:
        return
    dimension = sizes.most_common(1)[0][0] // 4
    rows = context.session.execute(
        select(Embedding.passage_id, Embedding.vector)
        .where(by_embedder)
        .order_by(Embedding.passage_id)
        .execution_options(yield_per=_CHUNK)
    )
    total, damaged = sizes.total(), []
    for done, (passage_id, data) in enumerate(rows, start=1):
        if not is_valid_vector(data, dimension):
            damaged.append(passage_id)
        if done % _CHUNK == 0 or done == total:
            context.on_progress("vectors", done, total)
    if damaged:
        wrong = f"{len(damaged)} vectors are not {dimension} finite numbers"
        what = f"{wrong}, the first is that of passage {damaged[0]}."
        yield Finding("vector", what, _REBUILD)


def _index(context: CheckContext, state: PassageState) -> Iterator[Finding]:
    try:
        index = LibraryIndex.open(context.index_folder, context.embedder)
        index.expect(state)
    except UnusableIndexError as error:
        yield Finding("index", f"The index {error}.", _REBUILD)
        return
    ids = np.array(context.session.scalars(select(Passage.id).order_by(Passage.id)).all(), dtype=np.int64)
    if not np.array_equal(ids, index.words.ids):
        other = len(np.setxor1d(ids, index.words.ids))
        what = f"The index and the database differ in {other} of {state.passages} passages."
        yield Finding("index", what, _REBUILD)
        return
    rows = context.session.execute(
        select(Embedding.passage_id, Embedding.vector)
        .join(Passage, Passage.id == Embedding.passage_id)
        .join(Book, Book.id == Passage.book_id)
        .where(Embedding.embedder == context.embedder, Book.embedder == context.embedder)
        .order_by(Embedding.passage_id)
        .execution_options(yield_per=_CHUNK)
    )
    done = different = 0
    for chunk in rows.partitions():
        places = np.searchsorted(index.dense.ids, [passage_id for passage_id, _ in chunk])
        for place, (passage_id, data) in zip(places.tolist(), chunk, strict=True):
            known = place < len(index.dense.ids) and index.dense.ids[place] == passage_id
            indexed = index.dense.vectors(place, 1)[0] if known else None
            if len(data) % 4 == 0 and (indexed is None or not np.array_equal(decode_vector(data), indexed)):
                different += 1
        done += len(chunk)
        context.on_progress("index", done, state.embedded)
    if different:
        yield Finding("index", f"The index has other vectors of {different} passages.", _REBUILD)
