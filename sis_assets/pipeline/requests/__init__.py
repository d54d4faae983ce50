"""Course requests: taken in, judged, handed to the SIS, and looked for there (DESIGN §10)."""
