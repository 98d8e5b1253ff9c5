"""The build job: a corpus on disk becomes a data set of sharded TFRecords, on any Beam runner."""
