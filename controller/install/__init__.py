"""Agents on hosts over SSH: installed, upgraded, removed, and reached where they cannot reach the controller."""
