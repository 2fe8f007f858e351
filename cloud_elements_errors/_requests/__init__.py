"""The ways in: adapter, session, hook, patch and translation."""
