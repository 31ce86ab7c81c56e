"""`python -m experiments.dap fit|validate|test|predict [--section NAME]`.

Sections: dap_labeler, dap_discriminator, dap_realism, dap.
"""

from experiments.training.cli import main

if __name__ == "__main__":
    main("dap")
