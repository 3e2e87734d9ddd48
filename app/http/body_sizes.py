"""How many bytes a request's body may have, and the problem of one that has more."""

import re
from dataclasses import dataclass

from app.http.problems import Problem
from app.transfer.import_files import MOST_IMPORT_BYTES

# The path of a body that may be larger than a book.
_IMPORT = re.compile(r"/admin/books/[^/]+/versions/import")


@dataclass(frozen=True)
class BodySizes:
    """The sizes of bodies where a book has at most `most_book_bytes`."""

    most_book_bytes: int

    def refuse_larger(self, path: str, declared: str | None) -> None:
        """Raise Problem 413 where `Content-Length` declares more than a call of this path takes."""
        if declared is not None and declared.isdecimal():
            problem = self.refusal(path)
            # Compared as text: Python reads no more than 4,300 digits as a number.
            told, most = declared.lstrip("0"), str(problem.more["limit_bytes"])
            if (len(told), told) > (len(most), most):
                raise problem

    def refusal(self, path: str) -> Problem:
        """The problem of a body that is too large for a call of this path."""
        if _IMPORT.fullmatch(path):
            detail = f"An archive may have {MOST_IMPORT_BYTES} bytes; this body has more."
            return Problem(413, "archive-too-large", detail, limit_bytes=MOST_IMPORT_BYTES)
        detail = f"A book may have {self.most_book_bytes} bytes; this body has more."
        return Problem(413, "book-too-large", detail, limit_bytes=self.most_book_bytes)
