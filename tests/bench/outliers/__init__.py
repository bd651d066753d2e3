"""How often the comparison of hosts is right and wrong, beside the usual methods: ``python -m
tests.bench.outliers``."""
