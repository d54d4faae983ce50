"""OneRoster 1.1 and 1.2: files and the REST API, of whatever SIS."""
