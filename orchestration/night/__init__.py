"""A night from the command line: the jobs of the schedules run in one process, with progress and a summary; demo and real run."""
