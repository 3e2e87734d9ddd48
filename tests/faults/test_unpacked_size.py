from pathlib import Path

import httpx

from tests import files
from tests.service.conftest import service


def refused(http: httpx.Client, name: str, data: bytes) -> dict[str, object]:
    answer = http.post("/books", files={"file": (name, data)})
    assert (answer.status_code, answer.json().get("type")) == (422, "/problems/book-too-large"), answer.text
    found: dict[str, object] = answer.json()
    return found


def test_33_a_file_that_unpacks_to_too_much_is_refused_with_the_bound(
    tiny_folder: Path, tmp_path: Path
) -> None:
    bounds = {"max_book_characters": "30000", "max_book_passages": "40", "trains": "false"}
    with (
        service(tmp_path, "--model", str(tiny_folder), **bounds) as client,
        httpx.Client(base_url=client.url, timeout=60, trust_env=False) as http,
    ):
        bomb = files.epub({"one.xhtml": files.xhtml("<p>" + "Mira kept a lamp. " * 2000 + "</p>")})
        assert len(bomb) < 10_000
        assert refused(http, "bomb.epub", bomb)["limit_characters"] == 30_000
        chapters = "".join(f"# {number}\n\nA lamp.\n\n" for number in range(41)).encode()
        assert refused(http, "many.md", chapters)["limit_passages"] == 40
        # Plain text unpacks to nothing more than it is.
        text = ("lamp " * 20_000).encode()
        assert len(text) > 30_000
        assert refused(http, "long.txt", text)["limit_passages"] == 40
        assert http.get("/books").json()["data"] == []
