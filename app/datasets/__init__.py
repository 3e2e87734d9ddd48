"""Questions with known answers: read, put into a library, measured."""
