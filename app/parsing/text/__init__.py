"""Plain text and Markdown, and what every format's text is made of."""
