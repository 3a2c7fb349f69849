"""The command line `taxoscope`."""
