"""The store's errors, which may come from another process."""

import pickle

import pytest

from store.errors import (
    DamagedArtifactError,
    InUseError,
    NotFoundError,
    QuotaReachedError,
    StoreError,
    StoreUnreachableError,
    VersionPrunedError,
)


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("version", 3, "there are 1 and 2"),
        QuotaReachedError("books", 2, 3),
        InUseError(["worker 7", "the service"]),
        DamagedArtifactError("ab" * 32),
        VersionPrunedError("book_1", 4),
        StoreUnreachableError("The database cannot be reached: no route"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_is_the_same_after_pickling(error: StoreError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
