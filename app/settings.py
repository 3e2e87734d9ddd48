"""What the service can be told, by environment variables (BOOKCHORUS_...) or by the command line."""

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    NonNegativeInt,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import CommandError
from trainer.options import Arithmetic, Checkpointing, Dtype, Quantization


class Settings(BaseSettings):
    """The service's settings; `Settings(port=9000)` overrides the environment.

    Raises pydantic.ValidationError with the setting's name and what was expected.
    """

    model_config = SettingsConfigDict(env_prefix="BOOKCHORUS_", env_ignore_empty=True, frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    data_dir: Path = Path("~/.local/share/bookchorus")
    # The embedded LLM as converted from its wheel, which can be made again.
    cache_dir: Path = Path("~/.cache/bookchorus")
    # "embedded", a hub id, or a local folder.
    model: str = "embedded"
    revision: str | None = None
    quantization: Quantization = "auto"
    device: str = "auto"
    dtype: Dtype = "auto"
    # Whether quantized weights are restored for each product, or bitsandbytes multiplies them.
    arithmetic: Arithmetic = "restored"
    # Inputs of bitsandbytes' int8 products above this are multiplied in 16 bits; 0 leaves that out.
    int8_threshold: Annotated[float, Field(ge=0)] = 6.0
    # Modules that are not quantized, by the last parts of their names, besides the output head.
    quantization_skip: str = ""
    # Whether a skill that is a LoRA is added to weights that are not quantized, or runs beside them.
    fold_skill: bool = True
    # What writes questions about books: "shipped", which is the package's asker for the LLM where there is
    # one, "none", or the file of an asker.
    asker: str = "shipped"
    # What finds passages by their meaning: "embedded", or a folder or id of sentence-transformers.
    embedder: str = "embedded"
    # What that model wants before each question and each passage, where it does not say so itself.
    embedder_question_prompt: str | None = None
    embedder_passage_prompt: str | None = None
    # Whether training computes blocks twice instead of keeping what they hold.
    checkpointing: Checkpointing = "auto"
    # Whether the steps of decoding are replayed by CUDA graphs.
    cuda_graphs: bool = False
    # Tokens that training puts through the LLM at once; what does not fit is halved.
    pass_tokens: Literal["auto"] | PositiveInt = "auto"
    database_url: str | None = None
    # The bucket of large artifacts, by URL; without one they are in the database. The least size, in bytes.
    artifacts: str | None = None
    artifact_bytes: PositiveInt = 65_536
    # A key of the role admin, beside those that the database keeps.
    admin_key: SecretStr | None = None
    # Web pages of these origins, with commas between them, may call; "*" is any, where there is a key.
    cors_origins: str = ""
    max_book_bytes: PositiveInt = 20_000_000
    # Of the text that a file unpacks to: a text may have as many characters as its file has bytes, too.
    max_book_characters: PositiveInt = 10_000_000
    max_book_passages: PositiveInt = 100_000
    # Limits of the process that reads an uploaded file.
    parse_seconds: PositiveInt = 60
    parse_memory_bytes: Annotated[int, Field(ge=300_000_000)] = 1_000_000_000
    # Of what the LLM has read, kept so that it is read once.
    context_bytes: PositiveInt = 1 << 30
    max_queued_jobs: PositiveInt = 100
    # Asks that are worked on or wait, those through OpenAI's API among them.
    max_waiting_asks: PositiveInt = 100
    # Whether the service learns books itself, or leaves them to `bookchorus worker`.
    trains: bool = True
    # How long learning one version may take when its recipe does not say.
    budget_seconds: PositiveInt = 1800
    # How many of a book's last versions keep their soft prompts, besides those in use; 0 keeps all.
    keep_versions: NonNegativeInt = 0
    # How long the audit log keeps a line; 0 keeps all.
    audit_days: Annotated[int, Field(ge=0, le=36_500)] = 365
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "warning"
    log_format: Literal["text", "json"] = "text"

    @property
    def database(self) -> str | Path:
        """The database: the URL `database_url`, or the path of a SQLite file in `data_dir`."""
        return self.database_url or self.data_dir / "bookchorus.db"

    @property
    def skipped_modules(self) -> list[str]:
        """The names in `quantization_skip`, which are separated by commas."""
        return [name.strip() for name in self.quantization_skip.split(",") if name.strip()]

    @property
    def origins(self) -> list[str]:
        """The origins in `cors_origins`, which are separated by commas."""
        return [origin.strip() for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def index_dir(self) -> Path:
        """The folder of the index, which is made again when it is lost."""
        return self.data_dir / "index"

    @field_validator(
        "quantization",
        "dtype",
        "arithmetic",
        "checkpointing",
        "log_level",
        "log_format",
        "device",
        mode="before",
    )
    @classmethod
    def _in_lower_case(cls, value: object) -> object:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("pass_tokens", mode="before")
    @classmethod
    def _auto_or_a_number(cls, value: object) -> object:
        told = str(value).strip().lower()
        if told != "auto" and not (told.isdecimal() and int(told)):
            raise ValueError(f'expected "auto" or a number above 0, not {value!r}')
        return told if told == "auto" else int(told)

    @field_validator("data_dir", "cache_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("model", mode="after")
    @classmethod
    def _model_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError(
                'name a model: "embedded", a Hugging Face id such as "Qwen/Qwen3-0.6B", or a folder'
            )
        return str(Path(value).expanduser()) if value.startswith("~") else value

    @field_validator("device", mode="after")
    @classmethod
    def _device_exists_in_torch(cls, value: str) -> str:
        if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
            raise ValueError(f'expected "auto", "cpu", "cuda" or a card such as "cuda:1", not {value!r}')
        return value

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _origins_have_no_path(cls, value: str) -> str:
        for origin in filter(None, map(str.strip, value.split(","))):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s?#*]+", origin):
                raise ValueError(f"expected origins such as https://books.example, or *, not {origin!r}")
        return value


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only. Of names other than addresses only localhost is trusted to."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load(overrides: Mapping[str, Any]) -> Settings:
    """Read the settings from `overrides` and the environment. CommandError: one of them is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise CommandError("\n".join(_told(problem) for problem in error.errors())) from error


def _told(problem: ErrorDetails) -> str:
    message = problem["msg"].removeprefix("Value error, ")
    names = [str(part) for part in problem["loc"]]
    return f"BOOKCHORUS_{names[0].upper()}: {message}" if names else message
