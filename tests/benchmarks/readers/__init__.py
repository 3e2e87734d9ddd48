"""What the benchmarks that hear many readers share."""
