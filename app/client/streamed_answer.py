"""An answer that comes as events, with the votes before it."""

from collections.abc import Callable

from app.client.connection import Connection, NoAnswerError, as_json, json_or_none, problem_error
from app.schemas import Answer, AskRequest, Heard, Retrieved


def streamed_answer(
    connection: Connection,
    request: AskRequest,
    on_heard: Callable[[Heard], None] | None,
    on_retrieved: Callable[[Retrieved], None] | None,
) -> Answer:
    """Ask for a stream of events; return the answer, which is the last of them.

    ClientError: the service refuses, or the stream ends before the answer.
    """
    for name, data in connection.events("POST", "/ask", json=as_json(request)):
        if name == "heard" and on_heard:
            on_heard(connection.parse(Heard, data, "/ask"))
        elif name == "retrieved" and on_retrieved:
            on_retrieved(connection.parse(Retrieved, data, "/ask"))
        elif name == "answer":
            return connection.parse(Answer, data, "/ask")
        elif name == "error":
            raise problem_error(json_or_none(data), f"The answer broke off: {data}")
    raise NoAnswerError(f"The connection to {connection.url} broke before the answer was there.")
