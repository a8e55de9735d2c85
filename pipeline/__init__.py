"""The face of Frostline: configuration, the graph, the local run and the command line."""
