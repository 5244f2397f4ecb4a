"""Everything kept in PostgreSQL; the only user of the database driver."""
