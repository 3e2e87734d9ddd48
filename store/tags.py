"""Tags and names of authors: how they are spelled and compared, and how many tags a book may have."""

from collections.abc import Iterable
from unicodedata import normalize

from store.errors import InvalidTagsError
from store.segmentation import is_blank

MOST_TAGS = 16
TAG_LENGTH = 60


def normalize_name(name: str) -> str:
    """Return the form in which names are compared: case folded, in NFC, one space between words."""
    return normalize("NFC", " ".join(name.split()).casefold())


def split_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags normalized, in their order, without blank ones and duplicates.

    A tag with commas is split at them.
    """
    parts = (part for tag in tags for part in tag.split(","))
    return list(dict.fromkeys(normalize_name(part) for part in parts if not is_blank(part)))


def normalize_tags(tags: Iterable[str]) -> list[str]:
    """Return the tags as they are stored: those of `split_tags`, sorted.

    InvalidTagsError: more than `MOST_TAGS`, or one of more than `TAG_LENGTH` characters.
    """
    found = sorted(split_tags(tags))
    if len(found) > MOST_TAGS:
        raise InvalidTagsError(f"A book has at most {MOST_TAGS} tags, not {len(found)}.", MOST_TAGS)
    longest = max(found, key=len, default="")
    if len(longest) > TAG_LENGTH:
        begins = f"the one that begins with {longest[:20]!r} has {len(longest)}"
        raise InvalidTagsError(f"A tag has at most {TAG_LENGTH} characters: {begins}.", TAG_LENGTH)
    return found


def fitting_tags(tags: Iterable[str]) -> list[str]:
    """Return the first of these tags that a book may have, without those that are too long."""
    return [tag for tag in split_tags(tags) if len(tag) <= TAG_LENGTH][:MOST_TAGS]
