"""Training libraries: each module has one `RunLogger`, which writes what a model predicts as a run of a workspace."""
