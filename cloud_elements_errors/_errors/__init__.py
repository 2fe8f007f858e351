"""Status, headers and bytes make an exception. No input or output."""
