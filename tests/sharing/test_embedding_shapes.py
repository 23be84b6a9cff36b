"""Which calls are known well enough to be merged or cut."""

import pytest

from sidecar.dialects import DIALECTS
from sidecar.sharing.embedding_shapes import embedding_shape

SHAPED = [
    ("openai", "/v1/embeddings", "input", "data"),
    ("azure", "/openai/deployments/d/embeddings", "input", "data"),
    ("vllm", "/v1/embeddings", "input", "data"),
    ("mistral", "/v1/embeddings", "input", "data"),
    ("gemini", "/v1beta/openai/embeddings", "input", "data"),
    ("cohere", "/compatibility/v1/embeddings", "input", "data"),
    ("cohere", "/v1/embed", "texts", "embeddings"),
    ("cohere", "/v2/embed", "texts", "embeddings"),
    ("gemini", "/v1beta/models/m:batchEmbedContents", "requests", "embeddings"),
    ("ollama", "/api/embed", "input", "embeddings"),
    ("ollama", "/v1/embeddings", "input", "data"),
]
LEFT_ALONE = [
    ("gemini", "/v1beta/models/m:embedContent"),
    ("gemini", "/v1/projects/p/locations/l/publishers/google/models/m:predict"),
    ("ollama", "/api/embeddings"),
    ("bedrock", "/model/amazon.titan-embed-text-v2:0/invoke"),
    ("bedrock", "/v1/embeddings"),
    ("other", "/v1/embeddings"),
    ("openai", "/v1/chat/completions"),
    ("openai", "/v1/embed"),
]


@pytest.mark.parametrize(("dialect", "path", "inputs", "vectors"), SHAPED)
def test_a_call_has_the_shape_of_its_path(
    dialect: str, path: str, inputs: str, vectors: str
) -> None:
    shape = embedding_shape(dialect, path)

    assert dialect in DIALECTS
    assert shape is not None
    assert (shape.inputs, shape.vectors) == (inputs, vectors)


@pytest.mark.parametrize(("dialect", "path"), LEFT_ALONE)
def test_what_is_not_known_has_none(dialect: str, path: str) -> None:
    assert embedding_shape(dialect, path) is None


def test_no_field_that_binds_inputs_together_is_known() -> None:
    shape = embedding_shape("openai", "/v1/embeddings")

    assert shape is not None
    assert "late_chunking" not in shape.fields
