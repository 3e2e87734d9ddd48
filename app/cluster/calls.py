"""Calls of the answerers of a Ray cluster, made again where the answerer dies."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ray.exceptions import RayActorError, RayError, RayTaskError, TaskCancelledError
from ray.serve.exceptions import DeploymentUnavailableError, RequestCancelledError
from ray.serve.handle import DeploymentHandle

from app.cluster.answerer import OtherSkillError
from app.engine.errors import EngineClosedError, EngineUnreachableError, UnwantedError

# How often a call is made again after its answerer died.
_TRIES = 3
# How long a call may wait for an answerer, with all that it does itself.
_PATIENCE_SECONDS = 120.0
# How often it is asked whether what a call gives is still wanted.
_WATCH_SECONDS = 0.25


class Calls:
    """Calls a method of an answerer, of the one that was called for the same `place` before, where it can.

    Raises what the method does, and EngineUnreachableError where no answerer takes the call.
    """

    def __init__(self, answerers: DeploymentHandle[Any]) -> None:
        self._answerers = answerers

    def one(self, method: str, place: str, *arguments: object, again: bool = True) -> Any:
        """What a method gives. It is not called `again` where that would do twice what is to be done once."""

        def call() -> Iterator[Any]:
            handle = self._answerers.options(multiplexed_model_id=place, method_name=method)
            yield handle.remote(*arguments).result(timeout_s=_PATIENCE_SECONDS)

        [found] = _tried(call, _TRIES if again else 1)
        return found

    def many(
        self, method: str, place: str, *arguments: object, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Any]:
        """What a method gives one after the other, from the beginning where it is called again.

        It is cancelled once it is not `wanted` any more; raises UnwantedError if nothing has come by then.
        """

        def call() -> Iterator[Any]:
            handle = self._answerers.options(multiplexed_model_id=place, method_name=method, stream=True)
            coming: Any = handle.remote(*arguments)
            with _watched(wanted, coming.cancel) as watch:
                try:
                    for each in coming:
                        watch.came()
                        yield each
                except (RequestCancelledError, TaskCancelledError) as error:
                    if watch.late:
                        raise TimeoutError from error
                    if not watch.any_came:
                        raise UnwantedError from error
                finally:
                    coming.cancel()

        return _tried(call, _TRIES)


def _tried(call: Callable[[], Iterator[Any]], most: int) -> Iterator[Any]:
    """What a call gives, made again where its answerer died, was about to end, or stands on another skill."""
    for tries in range(1, most + 1):
        try:
            yield from call()
        except RayTaskError as error:
            cause = error.cause
            if not isinstance(cause, EngineClosedError | OtherSkillError) or tries == most:
                raise cause from None
        except (RayActorError, DeploymentUnavailableError) as error:
            if tries == most:
                raise EngineUnreachableError from error
        except (TimeoutError, RayError) as error:
            raise EngineUnreachableError from error
        else:
            return
        time.sleep(0.5 * tries)  # until the cluster has heard of it


class _Watch:
    """What is known of an answer on its way."""

    def __init__(self) -> None:
        self.any_came = False
        self.late = False

    def came(self) -> None:
        self.any_came = True


@contextmanager
def _watched(wanted: Callable[[], bool], cancel: Callable[[], None]) -> Iterator[_Watch]:
    """Within it, call `cancel` once the answer is not wanted any more, or nothing of it came for too long."""
    watch, over, latest = _Watch(), threading.Event(), time.monotonic() + _PATIENCE_SECONDS

    def look() -> None:
        while not over.wait(_WATCH_SECONDS):
            watch.late = not watch.any_came and time.monotonic() > latest
            if watch.late or not wanted():
                cancel()
                return

    threading.Thread(target=look, name="watch-answer", daemon=True).start()
    try:
        yield watch
    finally:
        over.set()
