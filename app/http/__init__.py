"""The HTTP API: the server, its routes, and errors as problems."""
