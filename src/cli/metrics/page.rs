//! The lines of a page in Prometheus' text format.

use std::fmt::Write;

use framebus::observe::Percentiles;

/// A page that grows line by line.
#[derive(Default)]
pub(super) struct Page {
    pub(super) text: String,
}

impl Page {
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// What is not known has no line.
    pub(super) fn line(&mut self, name: &str, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else {
            return;
        };
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escape(value)))
            .collect();
        let _ = writeln!(self.text, "{name}{{{}}} {value}", labels.join(","));
    }

    pub(super) fn quantiles(&mut self, name: &str, labels: &[(&str, &str)], of: &Percentiles) {
        for (quantile, value) in [
            ("0.5", of.p50),
            ("0.9", of.p90),
            ("0.99", of.p99),
            ("1", of.max),
        ] {
            let labels = [labels, &[("percentile", quantile)]].concat();
            self.line(name, &labels, value.map(|ms| ms / 1e3));
        }
    }
}

/// A consumer's name is anybody's text.
fn escape(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out() {
        let mut page = Page::default();
        page.line("a", &[("name", "x\"} 1\n\\")], Some(2.0));
        assert_eq!(page.text, "a{name=\"x\\\"} 1\\n\\\\\"} 2\n");
    }
}
