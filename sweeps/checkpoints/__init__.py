"""Which checkpoint is better, when to keep it, how it is called and where it lies. No Keras."""
