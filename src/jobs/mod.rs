//! Background work: the queue, one file per job.
