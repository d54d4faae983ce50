"""The stages, each a function over a set of districts."""
