"""Campaign: benchmarks that are run, kept, compared and reported.

One file a noun: a program that is watched, a suite of them, results as
pytest-benchmark writes them, where a figure stands against others, and bars.
"""
