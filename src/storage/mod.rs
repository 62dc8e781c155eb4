//! Where bytes live: object stores, object keys, signed URLs, streaming.
