"""DOCX, through HTML."""
