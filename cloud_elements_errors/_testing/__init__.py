"""A fake Cloud Elements to test against."""
