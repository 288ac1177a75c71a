"""Storage: the directory, its partitions and their promises."""
