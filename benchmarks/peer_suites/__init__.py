"""Test suites of other libraries, answered by this package."""
