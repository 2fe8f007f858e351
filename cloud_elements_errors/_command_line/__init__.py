"""The commands: table, explain and demo."""
