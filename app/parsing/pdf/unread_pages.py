"""Says which pages of a PDF have no text that can be read, and why."""

from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise

import pypdfium2
from pypdfium2 import raw


def damaged_pages(document: pypdfium2.PdfDocument, numbers: Sequence[int]) -> list[int]:
    """Return those of these pages, numbered from 0, that cannot be opened."""
    return [number for number in numbers if _kinds(document, number) is None]


def image_pages(document: pypdfium2.PdfDocument, numbers: Sequence[int]) -> list[int]:
    """Return those of these pages, numbered from 0, that have an image."""
    return [number for number in numbers if raw.FPDF_PAGEOBJ_IMAGE in (_kinds(document, number) or ())]


def in_words(numbers: Sequence[int], labels: Sequence[str]) -> str:
    """Name pages, numbered from 0, by their labels, such as `Page 3` or `Pages 3 to 5 and 9`."""
    begins = [number for before, number in pairwise([-2, *numbers]) if number > before + 1]
    ends = [number for number, after in pairwise([*numbers, len(labels) + 1]) if after > number + 1]
    ranges = [
        labels[first] if first == last else f"{labels[first]} to {labels[last]}"
        for first, last in zip(begins, ends, strict=True)
    ]
    listed = " and ".join(filter(None, [", ".join(ranges[:-1]), ranges[-1]]))
    return f"{'Page' if len(numbers) == 1 else 'Pages'} {listed}"


def _kinds(document: pypdfium2.PdfDocument, number: int) -> set[int] | None:
    """The kinds of objects on a page; None if it cannot be opened."""
    try:
        with closing(document[number]) as page:
            return {each.type for each in page.get_objects()}
    except pypdfium2.PdfiumError:
        return None
