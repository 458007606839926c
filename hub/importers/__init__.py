"""API descriptions as connectors: OpenAPI 3.0 and 3.1, Swagger 2.0, Google Discovery and GraphQL become tools.

    made = compile_described("petstore", declaration, description_bytes, file="petstore/connector.yaml")
    made.connector.tools, made.report.left_out

Pure: a description comes as bytes and leaves as the ``Tool`` and ``Call`` that hand-written connectors compile to. Not
where descriptions are fetched or written (``hub.cli.importing``), nor where connectors are found and loaded (the
registry).
"""

KINDS = ("openapi", "discovery", "graphql")
"""What ``kind`` may say in a described connector's YAML. Importing this room imports no more than these words."""
