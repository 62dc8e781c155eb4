//! Listener, TLS, time-outs, health, shutdown.
