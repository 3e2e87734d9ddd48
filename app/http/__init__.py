"""The HTTP API: routes, and the shape of what goes wrong."""
