"""What the controller keeps: the port, SQLite behind it, and a memory twin for tests."""
