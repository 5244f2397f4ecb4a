"""Tests of what is said and heard over NATS."""
