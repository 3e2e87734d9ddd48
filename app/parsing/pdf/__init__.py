"""Parses PDF: lines with their positions become paragraphs and chapters."""
