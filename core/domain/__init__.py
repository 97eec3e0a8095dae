"""What Relance decides, as pure functions: no input or output, no clock, no framework."""
