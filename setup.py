"""Which packages there are; all else stands in pyproject.toml.

The property files stand at the top of the repository, where RecBole's users look for them, and travel inside the
package.
"""

from setuptools import find_packages, setup

properties = ["recbole_metarec.properties", "recbole_metarec.properties.model", "recbole_metarec.properties.dataset"]

setup(
    packages=[*find_packages(include=["recbole_metarec", "recbole_metarec.*"]), *properties],
    package_dir={"recbole_metarec.properties": "properties"},
    py_modules=["run_recbole_metarec"],
)
