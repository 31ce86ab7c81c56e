"""Stage: the report page."""
