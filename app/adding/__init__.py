"""Adds many books: finds their files, sends a few at once, follows their jobs, keeps folders in step."""
