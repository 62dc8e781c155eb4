//! Counters and durations for `/metrics`. Code anywhere uses the `metrics` macros; this holds what they record.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// From half a millisecond (a cached read) to a minute (a large upload).
const SECONDS_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

#[derive(Debug, thiserror::Error)]
#[error("cannot start metrics: {0}")]
pub struct MetricsError(String);

/// What was recorded so far. Cheap to clone; all clones show the same numbers.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Makes the process's recorder. Once per process.
    pub fn install() -> Result<Self, MetricsError> {
        let (recorder, metrics) = Self::recorder()?;
        metrics::set_global_recorder(recorder).map_err(|error| MetricsError(error.to_string()))?;
        Ok(metrics)
    }

    /// A recorder that is not the process's, for tests: use it with `metrics::with_local_recorder`.
    pub fn recorder() -> Result<(PrometheusRecorder, Self), MetricsError> {
        // Every duration is named `…_seconds`; without buckets it would be a summary, which cannot be added up.
        let builder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS_BUCKETS)
            .map_err(|error| MetricsError(error.to_string()))?;
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        Ok((recorder, Self { handle }))
    }

    /// Everything in Prometheus text form.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// Folds recorded durations into their buckets. The server calls it every few seconds: when nobody reads
    /// `/metrics`, the durations would pile up otherwise.
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_in_buckets_that_add_up() {
        let (recorder, metrics) = Metrics::recorder().unwrap();

        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("weighhouse_test_seconds", "route" => "/a").record(0.02);
            metrics::histogram!("weighhouse_test_seconds", "route" => "/a").record(0.2);
            metrics::counter!("weighhouse_test_total").increment(3);
        });
        metrics.upkeep();

        let text = metrics.render();
        assert!(text.contains(r#"weighhouse_test_seconds_bucket{route="/a",le="0.025"} 1"#), "{text}");
        assert!(text.contains(r#"weighhouse_test_seconds_bucket{route="/a",le="+Inf"} 2"#), "{text}");
        assert!(text.contains("weighhouse_test_total 3"), "{text}");
    }
}
