"""HTML, and the trees that HTML and XML are read into."""
