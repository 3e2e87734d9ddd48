"""The HTTP API as Python calls; the command line is written on it."""

from app.client.client import Client
from app.client.connection import ClientError, NoAnswerError

__all__ = ["Client", "ClientError", "NoAnswerError"]
