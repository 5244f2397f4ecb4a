"""Who calls and what they may: tokens, certificates, scopes, and how many at once."""
