"""Aeries, by its API certificate."""
