"""The console script `panodepth`: one subcommand a module, imported only when it is called."""
