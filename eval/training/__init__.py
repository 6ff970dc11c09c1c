"""The training of the embedded models, and the fitting of the small linear ones."""
