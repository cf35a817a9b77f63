"""Kubernetes for tests: booted from plain processes, reached through kubectl."""
