"""Starts the proxy and the programs around it, and sees to it that nothing is left behind."""
