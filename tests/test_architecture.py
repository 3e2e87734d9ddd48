"""ARCHITECTURE.md against the code: rooms, the functions that a flow passes, and who may import whom."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "trainer", "store")
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
# What stands at the root of `app`, the package's own `__init__` among it.
MOST_LOOSE_FILES = 6
BANNED = {
    "trainer": {"app", "store", "tests", "sqlalchemy", "alembic", "fastapi", "starlette", "httpx", "uvicorn"},
    "store": {"app", "trainer", "tests", "torch", "transformers", "peft", "fastapi", "starlette", "httpx"},
    "app": {"tests", "peft", "bitsandbytes", "transformers"},
}

Graph = Mapping[str, set[str]]


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def rows(title: str) -> list[list[str]]:
    """For each row of the section's table, the code in each of its two cells."""
    found = re.findall(r"^\| `(.+?)` \| ?(.*?) ?\|$", section(title), re.MULTILINE)
    assert found, title
    return [[name, *re.findall(r"`(.+?)`", rest)] for name, rest in found]


def rules() -> dict[str, list[str]]:
    named = rows("Which room may import which")
    assert len({name for name, *_ in named}) == len(named), "a room has two rows"
    return {name: allowed for name, *allowed in named}


def modules() -> dict[str, Path]:
    """Every module of the packages by its path, such as `app/http/problems`; a package is its folder."""
    found = {}
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            path = file.relative_to(ROOT).with_suffix("")
            found[(path.parent if path.name == "__init__" else path).as_posix()] = file
    return found


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imported(file: Path) -> Iterator[str]:
    """The dotted names that a file imports anywhere in it; of `from a import b` it is `a.b`."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: a relative import hides where it leads"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def imports() -> dict[str, set[str]]:
    """For every module, the modules of the packages that it imports."""
    known = modules()
    found: dict[str, set[str]] = {}
    for module, file in known.items():
        found[module] = set()
        for name in imported(file):
            path = name.replace(".", "/")
            # What is imported is a module, or else something in one.
            target = path if path in known else path.rpartition("/")[0]
            if target in known and target != module:
                found[module].add(target)
    return found


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}/")


def room_of(module: str, rooms: Iterable[str]) -> str:
    """The longest of the rooms that the module is in."""
    return max((room for room in rooms if within(module, room)), key=len)


def allows(entry: str, target: str, importer: str, rooms: Iterable[str]) -> bool:
    """Whether a rule's entry lets a module of `importer` import the module `target`."""
    if not within(target, entry):
        return False
    if entry in PACKAGES and entry != importer.partition("/")[0]:
        return True
    # A room inside the one that is named has a row of its own.
    return within(entry, room_of(target, rooms))


def circles(graph: Graph) -> list[list[str]]:
    """The sets of nodes that reach one another, each sorted."""
    reach = {node: reached(graph, node) for node in graph}
    sets = {frozenset(other for other in reach[node] if node in reach[other]) for node in graph}
    return sorted(sorted(each) for each in sets if each)


def reached(graph: Graph, start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def test_the_rules_are_followed() -> None:
    allowed = rules()
    broken = [
        f"{module} imports {target}"
        for module, targets in sorted(imports().items())
        for target in sorted(targets)
        if (room := room_of(module, allowed)) != room_of(target, allowed)
        and not any(allows(entry, target, room, allowed) for entry in allowed[room])
    ]
    assert not broken, "\n".join(broken)


def test_the_rules_name_what_exists() -> None:
    known = modules()
    named = {name for room, allowed in rules().items() for name in (room, *allowed)}
    missing = sorted(named - known.keys())
    assert not missing


def test_the_rules_themselves_run_in_no_circle() -> None:
    allowed = rules()
    graph = {
        room: {room_of(entry, allowed) for entry in entries if entry not in PACKAGES or within(room, entry)}
        for room, entries in allowed.items()
    }
    assert not circles(graph)


def test_no_room_is_in_a_circle() -> None:
    allowed = rules()
    graph: dict[str, set[str]] = {room: set() for room in allowed}
    for module, targets in imports().items():
        room = room_of(module, allowed)
        graph[room] |= {room_of(target, allowed) for target in targets} - {room}
    assert not circles(graph)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_in_a_circle(package: str) -> None:
    own = {module for module in imports() if within(module, package)}
    assert own
    assert not circles({module: imports()[module] & own for module in own})


@pytest.mark.parametrize("package", PACKAGES)
def test_the_page_names_every_room_and_no_other(package: str) -> None:
    folder = ROOT / package
    standing = {file.stem for file in folder.glob("*.py") if not file.stem.startswith("__")}
    standing |= {each.name for each in folder.iterdir() if each.is_dir() and each.name != "__pycache__"}
    named = [name for name, *_ in rows(f"`{package}`")]
    assert sorted(named) == sorted(standing)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_room_has_a_rule(package: str) -> None:
    allowed = rules()
    of_code = [name for name, *_ in rows(f"`{package}`") if list((ROOT / package / name).glob("*.py"))]
    assert not {f"{package}/{name}" for name in of_code} - allowed.keys()


def test_few_files_stand_at_the_root_of_app() -> None:
    assert len(list((ROOT / "app").glob("*.py"))) <= MOST_LOOSE_FILES


def test_limits_and_flows_name_what_exists() -> None:
    flows = PAGE[PAGE.index("\n## Words in several rooms") : PAGE.index("\n## Which room")]
    named = re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", flows)
    assert len(named) > 20
    missing = [f"{file}:{name}" for file, name in named if not exists(PurePosixPath(file), name)]
    assert not missing, missing


def test_the_larger_rooms_have_the_files_that_are_named() -> None:
    paragraphs = [each for each in section("Inside the larger rooms").split("\n\n") if each.startswith("**")]
    assert len(paragraphs) > 5
    for paragraph in paragraphs:
        head, _, text = paragraph.partition("**. ")
        rooms = re.findall(r"`([\w/]+)`", head)
        for name in re.findall(r"`([\w/]+\.py)`", text):
            assert any((ROOT / room / name).is_file() for room in (*rooms, ".")), (rooms, name)


def exists(path: PurePosixPath, name: str) -> bool:
    """Whether a file is there and defines `name`: a function, a class, a constant, or `Class.method`."""
    file = ROOT / path
    if not file.is_file():
        return False
    node: ast.AST = tree(file)
    for part in name.split(".") if name else []:
        body = getattr(node, "body", [])
        defined = [each for each in body if part in names(each)]
        if not defined:
            return False
        node = defined[0]
    return True


def names(node: ast.AST) -> set[str]:
    """The names that a definition or an assignment gives."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}


@pytest.mark.parametrize("package", BANNED)
def test_libraries_keep_to_their_package(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not {name.partition(".")[0] for name in imported(file)} & BANNED[package], file
