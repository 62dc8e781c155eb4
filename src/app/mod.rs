//! What the product does: one file per noun, one function per use case. The only writer.
