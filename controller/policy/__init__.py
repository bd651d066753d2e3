"""Pure decisions: who may run what where, within which limits."""
