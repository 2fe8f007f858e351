"""Whether to retry, when, and why not. Knows urllib3, and no session."""
