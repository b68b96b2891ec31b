"""Workspaces, people, bots and keys: who may reach what."""
