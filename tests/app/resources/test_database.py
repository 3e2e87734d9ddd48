"""The bucket that the settings name, or one line that says why it cannot be had."""

import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import CommandError
from app.resources.database import connect_database
from app.settings import Settings


def test_the_database_has_the_bucket_of_the_settings(tmp_path: Path) -> None:
    with closing(connect_database(Settings(data_dir=tmp_path))) as database:
        assert database.bucket is None
    (tmp_path / "a bucket").mkdir()
    url = (tmp_path / "a bucket").as_uri()
    with closing(connect_database(Settings(data_dir=tmp_path, artifacts=url, artifact_bytes=7))) as database:
        assert database.bucket is not None
        assert (database.bucket.url, database.bucket.least_bytes) == (url, 7)


@pytest.mark.parametrize(
    ("artifacts", "words"),
    [
        ("books", "^BOOKCHORUS_ARTIFACTS: expected s3://BUCKET/PREFIX"),
        ("s3://key:secret@books", "^BOOKCHORUS_ARTIFACTS: expected s3://BUCKET/PREFIX"),
        ("file:///no/such/folder", "^There is no folder /no/such/folder: make it, or mount it.$"),
        ("az://container/prefix", r"^The bucket az://container/prefix cannot be used: .*\.$"),
    ],
)
def test_what_is_wrong_with_it_is_one_line(
    artifacts: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(CommandError, match=words) as told:
        connect_database(Settings(data_dir=tmp_path, artifacts=artifacts))
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


def test_without_its_library_the_setting_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As Python has it that a module is not there.
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(CommandError, match=r"pip install 'bookchorus\[bucket\]'$"):
        connect_database(Settings(data_dir=tmp_path, artifacts=tmp_path.as_uri()))
    with closing(connect_database(Settings(data_dir=tmp_path))) as database:
        assert database.bucket is None
