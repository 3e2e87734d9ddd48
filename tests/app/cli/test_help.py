import re

from tests.app.cli.runner import bookchorus


def test_help_names_every_command() -> None:
    text = bookchorus("--help").output
    assert re.findall(r"^│ (\w+)  ", text, re.MULTILINE) == [
        "serve",
        "worker",
        "doctor",
        "demo",
        "add",
        "train",
        "books",
        "remove",
        "jobs",
        "follow",
        "cancel",
        "ask",
        "chat",
        "mcp",
        "questions",
        "versions",
        "show",
        "promote",
        "rollback",
        "history",
        "compare",
        "prune",
        "export",
        "import",
        "inspect",
        "backup",
        "restore",
        "verify",
        "rebuild",
        "audit",
        "eval",
        "question",
        "keys",
        "skill",
        "bench",
    ]
