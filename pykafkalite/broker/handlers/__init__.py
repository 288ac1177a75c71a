"""One file per API, named like it. Each opens with its versions, registers itself, and knows nothing of the others."""
