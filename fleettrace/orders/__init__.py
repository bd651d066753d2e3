"""Signed orders: keys, the envelope of an order, and approvals by keys that are not the controller's. Pure."""
