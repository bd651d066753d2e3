"""The controller's end of signed orders: its key, what it signs, and the approvals that it carries for others."""
