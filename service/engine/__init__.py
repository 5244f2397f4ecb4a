"""The path into a run, and the loops around it, over ports."""
