"""RetentionService: policies, holds and purges."""
