"""`trainer` without the rest of the project: what docs/trainer.md shows, in a process of its own."""

import re
import subprocess
import sys
from pathlib import Path

import trainer

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "trainer.md").read_text(encoding="utf-8")
# Importing the other packages of the project fails, as it does where only `trainer` is installed.
ALONE = """
import sys
sys.modules["app"] = sys.modules["store"] = None
"""
IMPORTS = f"""
import sys
import trainer.options, trainer.recipe
assert "torch" not in sys.modules

from trainer import {", ".join(trainer.__all__)}
import logging
from transformers.utils.logging import get_verbosity, is_progress_bar_enabled
assert logging.root.handlers == []
assert all(logging.getLogger(name).level < logging.ERROR for name in ("bitsandbytes", "huggingface_hub"))
assert get_verbosity() == logging.WARNING
assert is_progress_bar_enabled()
"""


def run(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder`, which is its home too."""
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_runs_as_it_is_shown(tiny_folder: Path, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    tiny = program.replace('MODEL = "embedded"', f"MODEL = {str(tiny_folder)!r}")
    assert tiny != program
    result = run(ALONE + tiny, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert re.fullmatch(r"step 1 of \d+: loss \d+\.\d\d", lines[0])
    assert re.search(r"^member 0: .*^member 1: ", result.stdout, re.DOTALL | re.MULTILINE)


def test_an_import_configures_nothing_and_is_light_until_more_is_asked_for(tmp_path: Path) -> None:
    result = run(ALONE + IMPORTS, tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_the_types_of_the_exports_are_those_of_the_objects() -> None:
    stub = Path(trainer.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    typed = {name: home for home, name in re.findall(r"^from (\S+) import (\w+) as \2$", stub, re.M)}
    assert sorted(typed) == sorted(trainer.__all__)
    for name, home in typed.items():
        assert getattr(trainer, name) is getattr(sys.modules[home], name)
        assert name in dir(trainer)
