from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from app.errors import CommandError
from app.settings import Settings, is_loopback, load


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"BOOKCHORUS_{name.upper()}", raising=False)


def test_without_a_word_it_listens_on_this_machine_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Settings()
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 8000, "embedded")
    assert settings.data_dir == tmp_path / ".local/share/bookchorus"
    assert settings.database == tmp_path / ".local/share/bookchorus/bookchorus.db"


def test_the_environment_is_read_and_overridden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKCHORUS_PORT", "9000")
    monkeypatch.setenv("BOOKCHORUS_QUANTIZATION", "INT8")
    monkeypatch.setenv("BOOKCHORUS_MODEL", "")
    settings = Settings(port=9001)
    assert (settings.port, settings.quantization, settings.model) == (9001, "int8", "embedded")


def test_a_database_of_its_own_is_taken_as_it_is() -> None:
    assert Settings(database_url="postgresql://here/books").database == "postgresql://here/books"


def test_a_relative_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(data_dir=Path("data")).data_dir == tmp_path / "data"


def test_the_admin_key_is_not_shown() -> None:
    assert "s3cret" not in repr(Settings(admin_key=SecretStr("s3cret")))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1", "CUDA:0"])
def test_devices(device: str) -> None:
    assert Settings(device=device).device == device.lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "eighty"),
        ("DEVICE", "tpu"),
        ("QUANTIZATION", "int3"),
        ("DTYPE", "int8"),
        ("LOG_LEVEL", "loud"),
        ("MAX_BOOK_BYTES", "0"),
        ("BUDGET_SECONDS", "-1"),
        ("MODEL", " "),
        ("INT8_THRESHOLD", "-1"),
        ("CHECKPOINTING", "perhaps"),
        ("PASS_TOKENS", "many"),
        ("PASS_TOKENS", "0"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"BOOKCHORUS_{name}", value)
    with pytest.raises(CommandError, match=rf"^BOOKCHORUS_{name}: [^\n]+$"):
        load({})


def test_what_fits_in_memory_is_found_or_told(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({}).pass_tokens == "auto"
    for told, meant in (("AUTO", "auto"), ("4096", 4096)):
        monkeypatch.setenv("BOOKCHORUS_PASS_TOKENS", told)
        assert load({}).pass_tokens == meant
    monkeypatch.setenv("BOOKCHORUS_QUANTIZATION_SKIP", "down_proj, o_proj")
    assert load({}).skipped_modules == ["down_proj", "o_proj"]
    assert Settings(quantization_skip="").skipped_modules == []


def test_origins_are_those_of_pages() -> None:
    assert Settings(cors_origins=" https://a.example, http://b.example:8080 ,").origins == [
        "https://a.example",
        "http://b.example:8080",
    ]
    for wrong in ("a.example", "https://a.example/", "https://*.example", "ftp://a.example", "null"):
        with pytest.raises(ValidationError, match="expected origins"):
            Settings(cors_origins=wrong)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
