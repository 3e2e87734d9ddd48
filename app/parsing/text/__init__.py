"""Parses plain text and Markdown; what the text of every format is built with."""
