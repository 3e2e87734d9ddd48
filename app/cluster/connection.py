"""A connection to a Ray cluster on which answerers and trainers run, or a cluster of this machine alone."""

import logging
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from app.errors import CommandError
from app.settings import Settings

if TYPE_CHECKING:
    from ray.serve.handle import DeploymentHandle

    from app.cluster.answerer import Answerer

LOCAL = "local"
# Shared memory of a local cluster, which only carries what is large; nothing here is.
_LOCAL_STORE_BYTES = 100 << 20


@contextmanager
def connected(
    settings: Settings, address: str, answerers: int, trainers: int
) -> Iterator["DeploymentHandle[Answerer]"]:
    """The answerers of a cluster. Where none run there, so many are started, and ended with the context.

    `address` is Ray's, "auto" for the cluster that this machine belongs to, "local" for one that is made for
    the context, once in the life of a process. Raises CommandError where Ray is not installed, the cluster
    cannot be reached, its processes could not share the database, or the LLM cannot be loaded there.
    """
    if address != LOCAL and settings.database_url is None:
        raise CommandError(
            "The machines of a cluster need one database: set BOOKCHORUS_DATABASE_URL to PostgreSQL's."
        )
    _import_ray()
    import ray
    from ray import serve

    from app.cluster import deployments

    logging.getLogger("ray.serve").setLevel(logging.WARNING)  # what goes on is said once, by us
    try:
        if address == LOCAL:
            ray.init(
                address=LOCAL,  # and not the one that somebody has started on this machine
                include_dashboard=False,
                object_store_memory=_LOCAL_STORE_BYTES,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
            # Requests come to this process, and to no port of Serve's.
            serve.start(proxy_location="Disabled")
        else:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise CommandError(f"The cluster {address} cannot be reached: {error}") from error
    names: list[str] = []
    try:
        if deployments.NAME not in serve.status().applications:
            needs = _needs(settings, address, ray.available_resources(), answerers + trainers)
            parts = {deployments.NAME: deployments.answerers(settings, answerers, **needs)}
            if trainers:
                parts[f"{deployments.NAME}-trainers"] = deployments.trainers(settings, trainers, **needs)
            names.extend(parts)
            try:
                serve.run_many(
                    [serve.RunTarget(part, name, route_prefix=None) for name, part in parts.items()]
                )
            except RuntimeError as error:
                raise CommandError(f"The cluster could not start the processes: {error}") from error
        yield serve.get_deployment_handle(deployments.ANSWERER, deployments.NAME)
    finally:
        # Each gives back its job, or ends what it is asked.
        with ThreadPoolExecutor(len(names) or 1) as threads:
            list(threads.map(serve.delete, names))
        ray.shutdown()


def _needs(settings: Settings, address: str, there: Mapping[str, float], processes: int) -> dict[str, Any]:
    """What each process takes of the cluster: a GPU, or a CPU where there are none or none is wanted.

    On this machine alone they share the CPUs: Ray would have each compute on one. CommandError: there is not
    as much left for so many.
    """
    kind, name = ("GPU", "num_gpus") if there.get("GPU") and settings.device != "cpu" else ("CPU", "num_cpus")
    if kind == "CPU" and address == LOCAL:
        threads = str(max(1, int(there.get(kind, 1.0)) // processes))
        return {"num_cpus": 0.0, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": threads}}}
    free = there.get(kind, 0.0)
    if free < processes:
        raise CommandError(
            f"The cluster has {free:g} {kind}s free, and {processes} processes would take one each: ask for "
            "fewer by --answerers and --trainers."
        )
    return {name: 1.0}


def _import_ray() -> None:
    """Import Ray, which then tells nobody that it is used. CommandError: it is not installed."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray.serve  # noqa: F401
    except ImportError as error:
        raise CommandError("A cluster needs Ray: pip install 'bookchorus[ray]'") from error
