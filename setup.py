"""Packaging. The property files stand at the top of the repository and travel inside the package."""

from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent

# RecBole 1.2.1 caps ray at 2.6.3, which has no wheels from Python 3.12 on: README says how to install it there.
recbole = [
    "recbole==1.2.1; python_version < '3.12'",
    # ray 2.6 imports pkg_resources, which setuptools 82 dropped; thop takes distutils from setuptools
    "setuptools<82",
]
# What recbole 1.2.1 itself needs, for `pip install --no-deps recbole`.
recbole_needs = [
    f"{requirement}; python_version >= '3.12'"
    for requirement in (
        "colorama==0.4.4",
        "colorlog==4.7.2",
        "plotly>=4",
        "psutil>=5.9",
        "tensorboard>=2.5",
        "texttable>=0.9",
        "thop>=0.1.1.post2207130030",
    )
]

setup(
    name="recbole-metarec",
    version="0.1.0",
    description="Transferable sequential recommendation for RecBole",
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=[
        *find_packages(include=["recbole_metarec", "recbole_metarec.*"]),
        "recbole_metarec.properties",
        "recbole_metarec.properties.model",
        "recbole_metarec.properties.dataset",
    ],
    py_modules=["run_recbole_metarec"],
    package_dir={"recbole_metarec.properties": "properties"},
    package_data={
        "recbole_metarec": ["py.typed"],
        "recbole_metarec.comparison": ["page.html"],
        "recbole_metarec.properties": ["*.yaml", "*/*.yaml"],
    },
    install_requires=[
        *recbole,
        *recbole_needs,
        "torch>=2.5",
        "numpy>=1.24",
        # RecBole fails on pandas 3: chained assignment and Series.agg(len)
        "pandas>=1.5,<3",
        "scipy>=1.10",
        "scikit-learn>=1.2",
        "pydantic>=2.6",
        "annotated-types>=0.6",
        "click>=8.1",
        "pyyaml>=6",
        "tabulate>=0.9",
        "jinja2>=3",
        "tqdm>=4.60",
        # the Amazon loader
        "orjson>=3.8",
        "polars>=1,<3",
    ],
    extras_require={
        "text": ["sentence-transformers>=3"],
        "image": ["torchvision>=0.20", "timm>=1", "open_clip_torch>=2.26", "pillow>=10"],
        "tune": ["optuna>=3"],
        "test": [
            "optuna>=3",
            "pillow>=10",
            "pytest>=8",
            "pytest-xdist>=3.5",
            "hypothesis>=6.100",
            "mypy>=1.10",
            "ruff>=0.6",
            "pandas-stubs",
            "types-PyYAML",
            "types-tabulate",
            "types-tqdm",
        ],
    },
    entry_points={"console_scripts": ["recbole-metarec=run_recbole_metarec:main"]},
)
