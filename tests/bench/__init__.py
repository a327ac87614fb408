"""Benchmarks: ratios from one interleaved run against yardsticks. ``make bench``; results and method in RESULTS.md."""
