"""What stops the service or its command line, told to the user in one line."""


class CommandError(Exception):
    """The service cannot start; the message is one line that says why and what to do."""
