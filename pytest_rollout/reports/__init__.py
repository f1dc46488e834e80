"""Reports: views of one record of a run; they read it and change nothing."""
