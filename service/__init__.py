"""The workflows service: runs multi-step business processes as versioned graphs of typed steps."""
