"""What members learn from: the text of a book, or questions that the LLM wrote about it."""
