"""The client's calls about threads: questions that follow one another."""

from app.client.connection import Connection, api_path, as_json, refusal, valid_request
from app.schemas import NewThread, Page, RenameThread, Thread, WholeThread


class Threads:
    """Calls about your threads, as `client.threads`; each raises ClientError as `Client` does.

    `Client.ask` asks in one, and begins one that is `new`.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def list(self, query: str = "") -> list[Thread]:
        """Read all threads, newest first, or those with all words of a query."""
        return self._connection.list_all(Page[Thread], "/threads", {"query": query})

    def begin(self, title: str | None = None) -> Thread:
        """Begin a thread; without a title it has that of its first question."""
        with valid_request():
            request = NewThread(title=title)
        return self._connection.call(Thread, "POST", "/threads", json=as_json(request))

    def read(self, thread: str) -> WholeThread:
        """Read a thread with its questions and answers, oldest first."""
        return self._connection.call(WholeThread, "GET", api_path("threads", thread))

    def rename(self, thread: str, title: str | None) -> Thread:
        """Give a thread another title; None is that of its first question."""
        with valid_request():
            request = RenameThread(title=title)
        url = api_path("threads", thread)
        return self._connection.call(Thread, "PATCH", url, json=request.model_dump(mode="json"))

    def delete(self, thread: str) -> None:
        """Delete a thread with its questions and answers."""
        self._got("DELETE", api_path("threads", thread))

    def export(self, thread: str) -> str:
        """Read a thread as Markdown, each answer with the sentences that say it and where they stand."""
        return self._got("GET", api_path("threads", thread, "export"))

    def _got(self, method: str, path: str) -> str:
        response = self._connection.send(method, path)
        if response.is_error:
            raise refusal(response)
        return response.text
