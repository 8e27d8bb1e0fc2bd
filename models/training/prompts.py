"""The prompts whose completions the card shows: fixed before any finished model answered them, none left out."""

SAMPLES = (
    "def fibonacci(n):",
    "def factorial(n):",
    "def is_prime(n):",
    "def gcd(a, b):",
    "def add(a, b):\n    ",
    'def mean(values):\n    """Return the arithmetic mean."""',
    "def read_json(path):",
    "def write_lines(path, lines):",
    "def flatten(items):",
    "def reverse_string(text):",
    "def count_words(text):",
    "def merge_dicts(first, second):",
    "def parse_version(text):",
    "async def fetch(session, url):",
    "@property\ndef name(self):",
    "def __init__(self, name, size):",
    "def __repr__(self):",
    "def __eq__(self, other):",
    "class Stack:",
    "import os\nimport sys\n",
)
