//! Replication between PostgreSQL databases through PgQ.
