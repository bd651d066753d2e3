"""What goes into the audit log and how its entries are chained. Pure."""
