"""A text cut into parts: chapters and pages as handed in, sentences and passages as found."""

from store.segmentation.blank import is_blank
from store.segmentation.passage_splitter import TooManyPassagesError, passages
from store.segmentation.sentence_splitter import sentences
from store.segmentation.spans import ChapterSpan, Matter, PageSpan, PassageSpan

__all__ = [
    "ChapterSpan",
    "Matter",
    "PageSpan",
    "PassageSpan",
    "TooManyPassagesError",
    "is_blank",
    "passages",
    "sentences",
]
