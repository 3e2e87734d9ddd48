from collections.abc import Iterator

import pytest

from tests.app.client.peer import Peer


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer().running() as peer:
        yield peer
