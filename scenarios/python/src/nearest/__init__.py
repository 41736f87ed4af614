"""Finds the words that are most like a word."""
