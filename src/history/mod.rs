//! Metric points: tail chunks, sealed Parquet segments, sampling.
