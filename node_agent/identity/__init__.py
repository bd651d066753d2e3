"""The host's certificate: had for a join token, kept, renewed."""
