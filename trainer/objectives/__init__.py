"""What members learn for: the book's text, or questions that the LLM wrote about it."""
