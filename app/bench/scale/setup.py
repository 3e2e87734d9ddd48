"""What is simulated: the questions, the answerers with their caches, and the web replicas."""

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from app.bench.scale.policy import Dispatch
from app.bench.scale.service_times import ServiceTimes


class Library(BaseModel):
    """Books that are asked about by Zipf's law, each at `places` equally often: what one question reads."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    books: PositiveInt = 1000
    exponent: NonNegativeFloat = 1.0
    places: PositiveInt = 1


class Setup(BaseModel):
    """A service. `rate` is in questions a second, `cache_bytes` what each answerer keeps of what it has read.

    By `version` a question goes to an answerer that has read of its book, unless that has more than `slack`
    questions more than the least busy one.
    """

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    times: ServiceTimes
    library: Library = Library()
    rate: PositiveFloat = 1.0
    answerers: PositiveInt = 1
    replicas: PositiveInt = 1
    cache_bytes: NonNegativeFloat = float(1 << 30)
    dispatch: Dispatch = "version"
    slack: NonNegativeInt = 2
    questions: PositiveInt = 20_000
    seed: int = 0

    @property
    def kept(self) -> int:
        """How many places one answerer keeps."""
        return int(self.cache_bytes / self.times.place_bytes)
