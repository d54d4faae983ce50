"""The rules, pure: no input, no output, nothing of ours imported."""
