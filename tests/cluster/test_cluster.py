"""The main job through a cluster."""

from tests.cluster.conftest import Cluster
from tests.service.test_books import QUICK
from tests.tiny import STORY


def test_a_book_is_learned_and_asked_through_a_cluster(cluster: Cluster) -> None:
    client = cluster.client
    added = client.add(STORY, title="Lamp", recipe=QUICK)
    assert added.job is not None
    assert list(client.follow(added.job.id))[-1].data["kind"] == "succeeded"
    asked = client.ask("Who kept a green lamp?", seed=3)
    assert asked.versions[0].version == 1
