"""All of the paper pipeline in small: every stage, every network, every suite, every ablation."""
