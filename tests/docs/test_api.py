"""The routes and problems of docs/http-api.md against the code."""

import importlib
import pkgutil
import re

from fastapi import APIRouter, FastAPI

from tests.docs.pages import everything, first_cells, page, table
from tests.docs.problem_names import ProblemNames


def routes() -> set[str]:
    """Every route as `METHOD /path`, whose parameters are `{}`: of no service, of the routes' own routers."""
    from app.http import routes as package

    application = FastAPI()
    for module in pkgutil.iter_modules(package.__path__):
        router = importlib.import_module(f"{package.__name__}.{module.name}").router
        assert isinstance(router, APIRouter)
        application.include_router(router)
    paths = application.openapi()["paths"]
    return {f"{method.upper()} {bare(path)}" for path, methods in paths.items() for method in methods}


def bare(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


def test_every_route_is_in_the_tables_of_the_api() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /\S*)` \|", page("docs/http-api.md"), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert {bare(row) for row in rows} == routes()


def test_every_route_named_exists() -> None:
    known = routes()
    calls = re.findall(r"`((?:GET|POST|PUT|DELETE|PATCH) /[^`\s?]*)[^`]*`", everything())
    assert calls
    assert {bare(call) for call in calls} <= known


def test_every_address_shown_is_one_of_a_route() -> None:
    patterns = [re.sub(r"\{\}", r"[^/]+", route.partition(" ")[2]) for route in routes()]
    shown = re.findall(r"http://127\.0\.0\.1:8000(/[^\s?\"'`,)]*)", everything())
    assert shown
    # Clients of OpenAI add the rest themselves, and MCP is no part of the description of the API.
    for path in set(shown) - {"/v1", "/mcp"}:
        assert any(re.fullmatch(pattern, path) for pattern in patterns), path


def test_every_problem_is_in_the_table_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", table("docs/http-api.md", "problem | status"), re.MULTILINE)
    assert len(rows) == len(set(rows))
    given = ProblemNames().of("Problem")
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in given)
    assert sorted(rows) == sorted(given)


def test_the_problems_of_a_file_are_in_the_page_of_formats() -> None:
    named = first_cells("docs/formats.md", "problem")
    assert sorted(named) == sorted(ProblemNames().of("ParseError"))
