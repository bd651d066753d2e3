"""The vocabulary as frozen dataclasses and enums: hosts, jobs, runs, parts."""
