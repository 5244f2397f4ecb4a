"""EventService: dead letters, events that were heard, and publishing again."""
