"""Models of short messages judged: features, models, queues."""
