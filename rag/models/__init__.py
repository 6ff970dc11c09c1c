"""The encoders and readers: their protocols, the embedded ones, and those that a user names."""
