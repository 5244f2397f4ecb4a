"""Servers for development and tests: embedded PostgreSQL and NATS, simulated siblings."""
