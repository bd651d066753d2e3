"""Coverage-guided fuzzing of everything that takes bytes from outside: see CONTRIBUTING.md."""
