"""The papers' result tables, each with its data sets and protocols."""
