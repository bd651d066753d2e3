"""A doctor's report as people and programs read it: the same words from the agent itself and from the controller."""
