"""The numbers of stems and words, which an index has in their place."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Vocabulary:
    """Numbers of stems and words: 0, 1, 2, in the order in which they came. It only grows.

    `stemmers` are those that gave the stems. What people may type for a word, without its marks, can have
    another stem: under this one, the word is found beside its own.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.stemmers: tuple[str, ...] = ()
        self._typed: dict[str, tuple[int, ...]] = {}

    def add(self, name: str) -> int:
        """Return the number of a stem or word, which is a new one if it had none."""
        return self.numbers.setdefault(name, len(self.numbers))

    def add_stemmer(self, stemmer: str) -> None:
        """Note that stems of this stemmer follow."""
        if stemmer not in self.stemmers:
            self.stemmers = *self.stemmers, stemmer

    def add_typed(self, stem: str, number: int) -> None:
        """Have the stem that has this number found under the stem of what people may type."""
        known = self._typed.get(stem, ())
        if number not in known:
            self._typed[stem] = *known, number

    def stems(self, stem: str) -> tuple[int, ...]:
        """Return the numbers of the stems that are found under one."""
        number = self.numbers.get(stem)
        typed = self._typed.get(stem, ())
        return typed if number is None else (number, *(each for each in typed if each != number))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything by name, to be written to a file."""
        typed = [(stem, number) for stem, numbers in self._typed.items() for number in numbers]
        return {
            "names": encode(self.numbers),
            "stemmers": encode(self.stemmers),
            "typed": encode(stem for stem, _ in typed),
            "typed_for": np.array([number for _, number in typed], dtype=np.int32),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "Vocabulary":
        """Take what `arrays` gave. KeyError: something is missing."""
        found = cls()
        found.numbers = {name: number for number, name in enumerate(decode(arrays["names"]))}
        found.stemmers = tuple(decode(arrays["stemmers"]))
        for stem, number in zip(decode(arrays["typed"]), arrays["typed_for"].tolist(), strict=True):
            found.add_typed(stem, number)
        return found


def encode(names: Iterable[str]) -> NDArray[np.uint8]:
    """Return the UTF-8 bytes of names, one a line; each has a character and no line break."""
    return np.frombuffer("\n".join(names).encode(), dtype=np.uint8)


def decode(data: NDArray[Any]) -> list[str]:
    """Return the names that `encode` was given."""
    return data.tobytes().decode().split("\n") if len(data) else []
