"""Passages' vectors, and the index that is made of them."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from sqlalchemy import func, select

from store.search.faiss_snapshot import FaissSnapshot, State, UnusableIndexError, state_of
from store.search.vectors import unpacked, whole
from store.tables import Embedding, Passage
from store.verify.finding import Finding, Kept

_REBUILD = "Run: bookchorus rebuild"
_CHUNK = 1000


def check(kept: Kept) -> Iterator[Finding]:
    """Check that every passage has a vector like the others', and that the index is of just these."""
    state = state_of(kept.session)
    if state.passages == 0:
        return
    yield from _missing(kept)
    yield from _damaged(kept)
    yield from _index(kept, state)


def _missing(kept: Kept) -> Iterator[Finding]:
    vector = select(Embedding.passage_id).where(
        Embedding.passage_id == Passage.id, Embedding.embedder == kept.embedder
    )
    rows = kept.session.execute(
        select(Passage.book_id, func.count(), func.min(Passage.ordinal))
        .where(~vector.exists())
        .group_by(Passage.book_id)
        .order_by(Passage.book_id)
    )
    for book, count, first in rows:
        what = f"{count} passages of book {book} have no vector, the first is passage {first}."
        yield Finding("vector", what, _REBUILD)


def _damaged(kept: Kept) -> Iterator[Finding]:
    size = func.length(Embedding.vector)
    own = Embedding.embedder == kept.embedder
    sizes: Counter[int] = Counter(
        dict(kept.session.execute(select(size, func.count()).where(own).group_by(size)).all())
    )
    if not sizes:
        return
    dimension = sizes.most_common(1)[0][0] // 4
    rows = kept.session.execute(
        select(Embedding.passage_id, Embedding.vector)
        .where(own)
        .order_by(Embedding.passage_id)
        .execution_options(yield_per=_CHUNK)
    )
    of, broken = sizes.total(), []
    for done, (passage_id, data) in enumerate(rows, start=1):
        if not whole(data, dimension):
            broken.append(passage_id)
        if done % _CHUNK == 0 or done == of:
            kept.told("vectors", done, of)
    if broken:
        those = f"{len(broken)} vectors are not {dimension} finite numbers"
        what = f"{those}, the first is that of passage {broken[0]}."
        yield Finding("vector", what, _REBUILD)


def _index(kept: Kept, state: State) -> Iterator[Finding]:
    try:
        snapshot = FaissSnapshot.opened(kept.folder, kept.embedder, state)
    except UnusableIndexError as error:
        yield Finding("index", f"The index {error}.", _REBUILD)
        return
    ids = np.array(kept.session.scalars(select(Passage.id).order_by(Passage.id)).all(), dtype=np.int64)
    if not np.array_equal(ids, snapshot.ids):
        other = len(np.setxor1d(ids, snapshot.ids))
        what = f"The index and the database differ in {other} of {state.passages} passages."
        yield Finding("index", what, _REBUILD)
        return
    rows = kept.session.execute(
        select(Embedding.vector)
        .where(Embedding.embedder == kept.embedder)
        .order_by(Embedding.passage_id)
        .execution_options(yield_per=_CHUNK)
    )
    place = different = 0
    for chunk in rows.scalars().partitions():
        indexed = snapshot.vectors(place, min(len(chunk), len(ids) - place))
        different += sum(
            not np.array_equal(unpacked(data), vector)
            for data, vector in zip(chunk, indexed, strict=False)
            if len(data) % 4 == 0
        )
        place += len(chunk)
        kept.told("index", place, state.passages)
    if different and place == len(ids):
        yield Finding("index", f"The index has other vectors of {different} passages.", _REBUILD)
