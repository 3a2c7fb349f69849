"""Model weights from untrusted files, and the architectures that fit them."""
