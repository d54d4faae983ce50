"""An Aeries server on loopback with made-up districts; it knows nothing of the client that reads it."""
