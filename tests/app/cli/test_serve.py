from tests.app.cli.runner import bookchorus


def test_serve_names_a_wrong_setting_in_one_line() -> None:
    result = bookchorus("serve", "--device", "tpu")
    assert result.exit_code == 1
    assert result.stderr.startswith("BOOKCHORUS_DEVICE: expected")
    assert len(result.stderr.splitlines()) == 1
