from collections.abc import Iterator

import pytest

from tests.app.client.peer import Peer


@pytest.fixture(scope="session")
def shared_peer() -> Iterator[Peer]:
    with Peer().running() as peer:
        yield peer


@pytest.fixture
def peer(shared_peer: Peer) -> Peer:
    """A peer that was not asked anything; its service is made once, which takes longer than most tests."""
    shared_peer.begin_anew()
    return shared_peer
