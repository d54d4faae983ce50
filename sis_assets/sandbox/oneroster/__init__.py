"""A OneRoster provider on loopback, 1.1 and 1.2, also in the guise of PLUS 360; it knows nothing of the client that reads it."""
