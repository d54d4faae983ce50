"""OneRoster by its REST API."""
