"""Whatever happens to a file, it is a book or one of the parser's own errors."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.parsing.formats import parse_book
from app.parsing.parsed import Format, ParseError
from app.parsing.sniff import sniff
from tests.mutations import SAMPLES, mutated


@pytest.mark.parametrize("form", SAMPLES)
# A mutation may make a large page; how long that takes is the business of the process with bounds.
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_damaged_file_is_a_book_or_refused(form: Format, seed: int) -> None:
    data = mutated(form, seed)
    for read in (lambda: parse_book(data, form), lambda: sniff(data, f"book.{form}")):
        try:
            read()
        except ParseError:
            continue
