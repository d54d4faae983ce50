"""What runs them: jobs, sensors, and the launch from a command."""
