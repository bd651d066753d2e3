"""The controller: schedules jobs, judges canaries, merges parts."""
