"""Training one trial: everything that knows Keras. Nothing here knows Optuna or processes."""
