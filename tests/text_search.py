"""PostgreSQL's own text search over passages, to measure ours against."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from store.search.library_words import Row
from store.search.stemming import asked_words
from tests.question_library import Floats

# A ranking of PostgreSQL's: the function, its normalisation, and whether passages with all lexemes are first.
Ranking = tuple[str, int, bool]
RANKINGS: list[Ranking] = [
    (function, normalisation, all_first)
    for function in ("ts_rank", "ts_rank_cd")
    for normalisation in (0, 1, 2, 32)
    for all_first in (False, True)
]


def named(ranking: Ranking) -> str:
    function, normalisation, all_first = ranking
    return f"{function}, {normalisation}{', all first' if all_first else ''}"


class TextSearch:
    """PostgreSQL's text search in English over passages, in a table of its own with a GIN index."""

    def __init__(self, url: str, rows: Sequence[Row]) -> None:
        self._server = psycopg.connect(url, autocommit=True)
        # Of statements that take milliseconds they would only cost, and one process is measured more easily.
        self._server.execute("SET jit = off")
        self._server.execute("SET max_parallel_workers_per_gather = 0")
        self._server.execute("DROP TABLE IF EXISTS found_by_words")
        self._server.execute("CREATE TABLE found_by_words (id bigint PRIMARY KEY, words tsvector NOT NULL)")
        with self._server.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO found_by_words VALUES (%s, to_tsvector('english', %s))",
                [(passage_id, text) for passage_id, _, text in rows],
            )
        self._server.execute("CREATE INDEX ON found_by_words USING gin (words)")
        self._server.execute("VACUUM ANALYZE found_by_words")

    def close(self) -> None:
        self._server.close()

    def scores(self, question: str) -> NDArray[np.float64]:
        """Of each passage found [passages, 10]: its id, whether it has all lexemes, its score by each ranking
        that does not look at that.
        """
        every, some = self._asked(question)
        ranks = [self._rank(ranking, some) for ranking in RANKINGS if not ranking[2]]
        statement = SQL("SELECT id, (words @@ {})::int, {} FROM found_by_words WHERE words @@ {}")
        filled = statement.format(every, SQL(", ").join(ranks), some)
        return np.array(self._server.execute(filled).fetchall(), dtype=np.float64).reshape(-1, 10)

    def best(self, question: str, ranking: Ranking, count: int) -> list[int]:
        """The ids of the best passages."""
        every, some = self._asked(question)
        order = SQL("words @@ {} DESC, ").format(every) if ranking[2] else SQL("")
        statement = SQL("SELECT id FROM found_by_words WHERE words @@ {} ORDER BY {}{} DESC, id LIMIT {}")
        filled = statement.format(some, order, self._rank(ranking, some), Literal(count))
        return [passage_id for (passage_id,) in self._server.execute(filled)]

    def bytes(self) -> tuple[int, int]:
        """Of the table with its lexemes, and of the GIN index."""
        sizes = "SELECT pg_table_size('found_by_words'), pg_relation_size('found_by_words_words_idx')"
        [found] = self._server.execute(sizes).fetchall()
        return found

    def cpu_seconds(self) -> float:
        """What the server's process has computed for us so far."""
        fields = Path(f"/proc/{self._server.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def _asked(self, question: str) -> tuple[Composed, Composed]:
        """The question's lexemes, as a query for all of them and as one for any."""
        asked = "SELECT plainto_tsquery('english', %s)::text"
        [[every]] = self._server.execute(asked, [" ".join(asked_words(question))]).fetchall()
        # The words that were given have no signs in them, and neither have their lexemes.
        query = SQL("{}::tsquery")
        return query.format(Literal(every)), query.format(Literal(every.replace("&", "|")))

    @staticmethod
    def _rank(ranking: Ranking, query: Composable) -> Composed:
        function, normalisation, _ = ranking
        return SQL("{}(words, {}, {})").format(Identifier(function), query, Literal(normalisation))


def shares(found: NDArray[np.float64], ids: NDArray[np.int64]) -> Iterator[tuple[Ranking, Floats]]:
    """Each ranking's scores of all passages, as shares of the highest, 0 of those that were not found."""
    places = np.searchsorted(ids, found[:, 0].astype(np.int64))
    for number, (function, normalisation, _) in enumerate(RANKINGS[::2]):
        for all_first in (False, True):
            scores = found[:, 2 + number] / found[:, 2 + number].max(initial=1e-9)
            scores = (scores + found[:, 1]) if all_first else scores
            row = np.zeros(len(ids), dtype=np.float32)
            row[places] = scores / scores.max(initial=1e-9)
            yield (function, normalisation, all_first), row
