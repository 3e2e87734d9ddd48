"""Books, passages, prompt versions, jobs, artifacts and the passage index."""
