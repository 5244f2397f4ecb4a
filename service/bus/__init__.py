"""Everything said and heard over NATS; the only user of its client."""
