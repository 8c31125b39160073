"""Loads the suite's plugin."""

pytest_plugins = ["fixtures.plugin"]
