"""What stops the service or its command line, told to the user in one line."""


class CommandError(Exception):
    """A command ends, or the service does not start; the message is one line: why, and what to do."""
