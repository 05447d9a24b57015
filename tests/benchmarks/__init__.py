"""The benchmarks run, and the bounds they measure hold."""
