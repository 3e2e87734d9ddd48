"""The service on a Ray cluster: the LLM answers and learns in processes of their own."""
