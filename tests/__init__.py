"""Tests of the workflows service."""
