"""Parses HTML, and HTML and XML into trees."""
