"""The form of checkpoints: what their files are called, and which versions of it are read."""

FORMAT = "recbole_metarec/2"
OLD_FORMAT = "recbole_metarec/1"
FORMATS = (OLD_FORMAT, FORMAT)
"""What `checkpoint.load` reads."""

SUFFIX = ".safetensors"
