"""The frozen LLM and what is learned on it. Text in, tensors out: no SQL, no HTTP."""

import logging

# It warns at every product on a CPU, and as it is imported there, which any module below may do.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
