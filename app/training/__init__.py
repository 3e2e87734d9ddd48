"""Jobs: queued, learned by a worker, compared with the champion, published."""
