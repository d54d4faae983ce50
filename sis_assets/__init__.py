"""Keeps an education product in step with the Student Information Systems of thousands of school districts."""
