"""The web page at `/`: a client of the HTTP API and nothing else."""
