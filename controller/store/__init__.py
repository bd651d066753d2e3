"""What the controller keeps: the port, and SQLite behind it."""
