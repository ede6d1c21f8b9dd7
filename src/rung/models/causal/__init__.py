"""Any causal language model that transformers opens, answering with torch: `generator` is the door."""
