"""The object graph of the service."""
