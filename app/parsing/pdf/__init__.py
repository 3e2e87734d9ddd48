"""PDF: from lines with their places to paragraphs and chapters."""
