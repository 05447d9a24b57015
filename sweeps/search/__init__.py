"""Everything that knows Optuna: the study, how parameters map to it, samplers and pruners."""
