"""What a service shows of itself from outside: figures, logs and traces, none of which tell what is asked."""
