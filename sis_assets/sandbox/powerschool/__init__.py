"""A PowerSchool server on loopback with a made-up district; it knows nothing of the client that reads it."""
