"""Networks on disk: folders of models, weight files, and names of tensors."""
