"""PowerSchool, by its API plugin."""
