"""The host's end of signed orders: whose signature counts, and what a signature cannot say."""
