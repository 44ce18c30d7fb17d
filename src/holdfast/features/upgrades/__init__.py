"""Major versions of a database: rehearsed on a copy, switched within a stated outage, taken back within the grace."""
