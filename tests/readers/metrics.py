"""Reads files of metrics with Prometheus' Python client, each by the parser
of what its name ends in, and prints their samples."""

import json
import sys

from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as prometheus

for name in sys.argv[1:]:
    with open(name, encoding="utf-8", newline="") as file:
        text = file.read()
    parsers = [prometheus]
    if name.endswith(".openmetrics"):
        parsers.append(openmetrics)
    for parse in parsers:
        samples = [
            [sample.name, sample.labels, sample.value]
            for family in parse(text)
            for sample in family.samples
        ]
        print(json.dumps(sorted(samples, key=json.dumps)))
