"""Parses books in the formats they come in, safely: bytes in, a text with its chapters and pages out."""
