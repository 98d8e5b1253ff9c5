"""From a model and a data set to a run folder: fitting, measuring, writing down."""
