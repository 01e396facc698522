"""Where the runs of an experiment train: in this process, in worker processes, on a cluster."""
