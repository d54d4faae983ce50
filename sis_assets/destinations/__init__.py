"""Where things go: the outbox."""
