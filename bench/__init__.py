"""Benchmarks: ratios against something measured in the same rounds. Not tests. ``python -m bench --help``"""
