"""Reads files of YAML, holds what is for Kubernetes against its published schemas, and prints all
of them as JSON: the documents of each file, by the file's name."""

import json
import os
import sys

import kubernetes_validate
import yaml

found = {}
for path in sys.argv[1:]:
    with open(path, encoding="utf-8") as file:
        documents = [document for document in yaml.safe_load_all(file) if document is not None]
    for document in documents:
        if "apiVersion" in document and "kind" in document:
            version = kubernetes_validate.latest_version()
            kubernetes_validate.validate(document, version, strict=True)
    found[os.path.basename(path)] = documents
json.dump(found, sys.stdout)
