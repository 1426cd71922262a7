"""A trained model as files of open formats, for services that have neither torch nor this package."""
