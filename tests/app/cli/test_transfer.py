"""The commands export, import and inspect, against the peer."""

from pathlib import Path

from tests.app.cli.runner import bookchorus
from tests.app.client.examples import book
from tests.app.client.peer import Peer


def test_an_export_says_how_many_adapters_are_where(peer: Peer, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = bookchorus("export", f"{book().id}@2", str(out), peer=peer)
    assert (result.exit_code, result.stdout) == (0, f"1 adapters, 4 B, are in {out}.\n")
    assert sorted(path.name for path in out.rglob("*.json")) == ["adapter_config.json", "version.json"]
    again = bookchorus("export", book().id, str(out), peer=peer)
    assert (again.exit_code, len(again.stderr.splitlines())) == (1, 1)
    assert "is not empty" in again.stderr
    assert bookchorus("export", book().id, str(out), "--force", peer=peer).exit_code == 0


def test_an_import_says_what_became_of_the_version(peer: Peer, tmp_path: Path) -> None:
    (tmp_path / "version.json").write_text("{}")
    result = bookchorus("import", book().id, str(tmp_path), "--promote", peer=peer)
    assert (result.exit_code, result.stdout) == (0, "Version 3 has 2 members and is champion and latest.\n")
    assert peer.imported == [
        {"book": book().id, "files": {"version.json": b"{}"}, "promote": "true", "force": "false"}
    ]


def test_an_inspection_shows_the_members(peer: Peer) -> None:
    result = bookchorus("inspect", book().id, peer=peer)
    assert result.exit_code == 0
    for words in ("The Tiger · version 2", "·lamp 0.91", "2.00 to 3.50"):
        assert words in result.stdout
