"""Parses DOCX, by way of HTML."""
