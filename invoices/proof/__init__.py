"""Proofs of documents: pure arithmetic of the standard library, packed into their bundles."""
