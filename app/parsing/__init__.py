"""Books in the formats they come in, read safely: bytes in, a text with its chapters and pages out."""
