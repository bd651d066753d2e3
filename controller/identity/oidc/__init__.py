"""Operators whom an identity provider vouches for, by OpenID Connect ID tokens."""
